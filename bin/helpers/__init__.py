"""What a checkout needs to run without being installed: its set-up (main.py) and its checks (testing.py).

Only the standard library, and nothing of parrot_py: these modules run before anything is installed.
"""
