"""The demo: a term in SmarterProctoring and iSpring Learn, with real requests to the sandbox."""
