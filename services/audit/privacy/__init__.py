"""Privacy: the policy, and the masking of every chunk before it is stored."""
