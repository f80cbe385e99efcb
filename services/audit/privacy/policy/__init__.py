"""The privacy policy: its model, its parser, and the policies that are in force."""
