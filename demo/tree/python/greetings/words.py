"""The word for each language."""

WORDS = {"de": "Hallo", "en": "Hello", "fr": "Bonjour"}
