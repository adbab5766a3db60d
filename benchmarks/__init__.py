"""What Prompt-to-Prompt costs beside plain sampling of the same rows and beside the published method."""
