"""Makes workflow files of the front end from graphs in API format."""
