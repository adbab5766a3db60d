"""Everything that makes the weights; nothing here is needed to use them."""
