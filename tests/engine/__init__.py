"""The engine and the dispatcher on their own: real jobs, traced in a process of their own, over trees in memory."""
