"""The phrase book of the problems that policies and verifiers are chosen by."""

from outthink.problems.stories.book import PhraseBook

VALIDATION = PhraseBook(
    she=("Clara", "Hana", "Julia", "Priya", "Vera"),
    he=("David", "Felix", "Hugo", "Kofi", "Marco"),
    items=("postcards", "pebbles", "pens", "oranges", "muffins", "key rings", "photos", "seeds"),
    boxes=(("jar", "jars"), ("carton", "cartons"), ("drawer", "drawers")),
    phrases={
        "start": (
            "{name} begins with {a} {items}.",
            "In the morning {name} has {a} {items}.",
            "{name} has saved {a} {items}.",
            "A drawer in {name}'s house has {a} {items} in it.",
            "{name} takes {a} {items} along on a trip.",
        ),
        "start_sum": (
            "{name} has {a} green {items} and {b} yellow {items}.",
            "{name} has {a} {items} in the kitchen and {b} {items} in the garage.",
            "{name} gets {a} {items} in May and {b} {items} in June.",
            "{name} mixes {a} cheap {items} with {b} expensive {items}.",
        ),
        "start_groups": (
            "{name} has {a} {boxes}, and each {box} has {b} {items} inside.",
            "{name} carries {a} {boxes} of {b} {items} each.",
            "{name} stores {items} in {a} {boxes}, {b} to a {box}.",
            "{name} sets up {a} lines of {b} {items} each.",
        ),
        "start_groups_loose": (
            "{name} has {a} {boxes} with {b} {items} apiece, plus {c} other {items}.",
            "{name} carries {a} {boxes} of {b} {items} each and {c} {items} in {his} hands.",
            "{name} packs {a} {boxes} with {b} {items} each, and {c} {items} do not fit.",
        ),
        "start_more": (
            "{friend} brought {a} {items}. {name} brought {b} more than {friend}.",
            "{friend} has {a} {items} and {name} has {b} more than {friend} has.",
        ),
        "start_fewer": (
            "{friend} brought {a} {items}. {name} brought {b} fewer than {friend}.",
            "{friend} has {a} {items} and {name} has {b} fewer than {friend} has.",
        ),
        "start_times": (
            "{friend} brought {a} {items}. {name} brought {times} as many.",
            "{friend} has {a} {items} and {name} has {times} as many as {friend} has.",
        ),
        "add": (
            "Then {he} gets {a} more {items}.",
            "{friend} hands {him} another {a} {items}.",
            "{His} sister gives {him} {a} {items}.",
            "{He} discovers {a} more {items} in a closet.",
            "{He} orders {a} new {items}.",
            "In the afternoon {he} collects {a} {items}.",
        ),
        "subtract": (
            "Then {he} gives {friend} {a} {items}.",
            "{He} drops {a} {items} and cannot find them.",
            "{friend} buys {a} of the {items} from {him}.",
            "{His} dog ruins {a} {items}.",
            "{He} has to return {a} {items}.",
            "In the evening {he} gives away {a} {items}.",
        ),
        "multiply": (
            "After a week {he} has {times} as many {items} as that.",
            "Soon the number of {items} is {a} times as high.",
            "{He} goes on until {he} has {times} as many {items}.",
            "{friend} helps {him} to get {times} as many.",
            "By spring {his} collection is {a} times the size.",
        ),
        "divide": (
            "{He} splits the {items} equally into {a} {boxes} and keeps one {box}.",
            "At the end of the week {he} has only {part} of the {items}.",
            "{He} makes {a} equal heaps of the {items} and keeps one heap.",
            "{He} shares the {items} fairly with others, so that each of {a} people has the same number.",
            "{He} decides to keep {part} of the {items} and gives away the rest.",
        ),
        "add_groups": (
            "{He} receives {a} {boxes} of {b} {items} each.",
            "On each of {a} days {he} gets {b} new {items}.",
            "{friend} gives {him} {a} {boxes} that have {b} {items} each.",
            "Then {a} classmates bring {him} {b} {items} each.",
        ),
        "subtract_groups": (
            "{He} gives {a} classmates {b} {items} each.",
            "On each of {a} days {he} loses {b} {items}.",
            "{He} hands out {a} {boxes} of {b} {items} each.",
            "Then {a} visitors buy {b} {items} each.",
        ),
        "ask": (
            "How many {items} does {name} end up with?",
            "How many {items} remain?",
            "How many {items} does {name} have after all this?",
            "Now how many {items} are there?",
        ),
        "ask_product": (
            "Each of them is worth {a} euros. How many euros are they worth in all?",
            "{He} sells every one for {a} cents. How many cents does {he} earn?",
            "{friend} wants {times} as many. How many {items} does {friend} want?",
        ),
        "ask_share": (
            "{a} children share them equally. How many {items} does every child get?",
            "{He} ties them in bundles of {a}. How many bundles does {he} make?",
            "{He} spreads them evenly over {a} {boxes}. How many {items} go into each {box}?",
        ),
        "together_more": (
            "{friend} has {a} more {items}. How many {items} do {name} and {friend} have together?",
            "{friend} counts {a} more than {name}. How many {items} do they have in all?",
        ),
        "together_fewer": (
            "{friend} has {a} fewer {items}. How many {items} do {name} and {friend} have together?",
            "{friend} counts {a} fewer than {name}. How many {items} do they have in all?",
        ),
        "together_times": (
            "{friend} has {times} as many {items}. How many {items} do {name} and {friend} have together?",
            "{friend} counts {times} as many as {name}. How many {items} do they have in all?",
        ),
    },
)
