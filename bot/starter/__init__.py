"""What `membrane init` puts into a new folder, beside the policy and the manifest that ship with the bot."""
