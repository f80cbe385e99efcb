"""The privacy policy: its model, its parser and its selectors."""
