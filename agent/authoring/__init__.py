"""What an author of specifications works with: a made-up network to try them on, checks, and a folder to begin with."""
