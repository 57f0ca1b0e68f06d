"""Reading of command line, environment and files; nothing else in parrot_py looks at the environment."""
