//! Layer 9: the command line; one file a subcommand, no logic of its own.
