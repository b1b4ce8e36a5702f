"""The words around numbers: units, words that scale a number, and words with which a sentence goes on."""

__all__ = ["ARTICLES", "LEADS", "MEASURES", "RATES", "SCALES", "SHORT_UNITS", "STOPS", "singular"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("a an")
RATES = ARTICLES | _words("per each every")
# Units short enough to be taken for variables.
SHORT_UNITS = _words("""
    mm cm dm km kg mg lb lbs oz ft yd mi hr hrs min mins sec secs ms ml cl dl mph kph am pm pt qt gal cal kcal
""")
# Units that convert into one another, in the singular: 5 feet - 12 inches is not -7 of anything.
MEASURES = SHORT_UNITS | _words("""
    second minute hour day week month year decade century inch foot yard mile millimeter centimeter meter kilometer
    millimetre centimetre metre kilometre gram kilogram pound ounce ton milliliter liter millilitre litre gallon
    quart pint cup tablespoon teaspoon cent penny nickel dime quarter dollar degree
""")
# Words that multiply what they follow, in the singular.
SCALES = _words("dozen hundred thousand million billion trillion pair half halve third quarter tenth score")
# Words that no unit contains: with them the sentence goes on.
STOPS = _words("""
    and or so then thus hence but because since which who that what is are was were be been the for with while if
    when where than in on at to from by as of he she it they we i you his her their its our my this these those has
    have had will would can gives makes means leaves equals after before into plus minus no
""")
# After these, with or without "of", a number may be a label or a part only: "step 2 - 3", "half of 3 + 5".
LEADS = _words("""
    half twice thrice double triple third quarter fourth fifth tenth percent than mod log ln sin cos tan sqrt max min
    gcd lcm step day case part question problem equation number figure option method item line round
""")
_SINGULAR = {"feet": "foot", "inches": "inch", "pennies": "penny", "centuries": "century"}


def singular(word: str) -> str:
    """The singular of a lower-case noun, near enough to compare units."""
    return word if word in MEASURES else _SINGULAR.get(word, word.removesuffix("s"))
