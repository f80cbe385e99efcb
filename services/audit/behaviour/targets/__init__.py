"""The elements that visitors act on: their names, roles and selectors, from the recorded page."""
