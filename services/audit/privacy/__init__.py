"""Privacy: the policy, and the masking of every chunk before anything is written."""
