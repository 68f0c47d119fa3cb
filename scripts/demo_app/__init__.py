"""The demo: a term in SmarterProctoring and iSpring Learn, told with real calls to the sandbox."""
