"""Text to comparable words, for the index and the local model alike."""

import re
from functools import lru_cache

import snowballstemmer
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_stemmer = snowballstemmer.stemmer("english")
# Asked of everything, so they tell nothing; scikit-learn's list lacks these.
_STOP_WORDS = ENGLISH_STOP_WORDS | {"does", "did", "need", "want", "long", "get", "got", "tell", "i'm", "don't"}


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The word without its ending: 'renewals' and 'renewed' both give 'renew'."""
    return str(_stemmer.stemWord(word.removesuffix("'s")))


def content_words(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, with repeats."""
    return [stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]
