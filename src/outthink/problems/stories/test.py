"""The phrase book of the problems that policies and verifiers are measured on."""

from outthink.problems.stories.book import PhraseBook

TEST = PhraseBook(
    she=("Alice", "Fatima", "Irene", "Olga", "Tara"),
    he=("Adam", "Diego", "George", "Kenji", "Simon"),
    items=("coins", "dolls", "plates", "pears", "cupcakes", "tiles", "brushes", "whistles"),
    boxes=(("case", "cases"), ("crate", "crates"), ("bucket", "buckets")),
    phrases={
        "start": (
            "{name} has got {a} {items}.",
            "There are {a} {items} in {name}'s cupboard.",
            "At the start of the week {name} has {a} {items}.",
            "{name} inherits {a} {items} from an aunt.",
            "{name} arrives at the fair with {a} {items}.",
        ),
        "start_sum": (
            "{name} has {a} white {items} and {b} black {items}.",
            "{name} has {a} {items} upstairs and {b} {items} downstairs.",
            "{name} gets {a} {items} from {friend} and {b} {items} from a cousin.",
            "{name} collects {a} {items} in the morning and {b} {items} in the afternoon.",
        ),
        "start_groups": (
            "{name} has {a} {boxes} and there are {b} {items} in each {box}.",
            "{name} orders {a} {boxes} of {items} with {b} in every {box}.",
            "{name} stacks {items} in {a} {boxes}, putting {b} in each.",
            "On each of {a} days {name} makes {b} {items}.",
        ),
        "start_groups_loose": (
            "{name} has {a} {boxes} with {b} {items} in each {box}, and also {c} {items} on a shelf.",
            "{name} orders {a} {boxes} of {b} {items} each together with {c} separate {items}.",
            "{name} stacks {a} {boxes} of {b} {items} each and finds {c} {items} on the floor.",
        ),
        "start_more": (
            "{friend} made {a} {items}. {name} made {b} more than {friend}.",
            "{friend} has got {a} {items}, but {name} has {b} more.",
        ),
        "start_fewer": (
            "{friend} made {a} {items}. {name} made {b} fewer than {friend}.",
            "{friend} has got {a} {items}, but {name} has {b} fewer.",
        ),
        "start_times": (
            "{friend} made {a} {items}. {name} made {times} as many.",
            "{friend} has got {a} {items}, but {name} has {times} as many.",
        ),
        "add": (
            "{He} then buys {a} {items} at the market.",
            "{friend} lets {him} have {a} more {items}.",
            "{His} father gives {him} another {a} {items}.",
            "{He} comes across {a} more {items} in the attic.",
            "A week later {he} gets {a} {items} in the mail.",
            "Afterwards {he} makes {a} additional {items}.",
        ),
        "subtract": (
            "{He} then gives away {a} {items}.",
            "{friend} asks for {a} {items} and gets them.",
            "{His} little sister loses {a} of the {items}.",
            "{He} sells {a} {items} at the market.",
            "A week later {a} of the {items} are broken.",
            "Afterwards {he} hands over {a} {items} to {friend}.",
        ),
        "multiply": (
            "Within a month {he} has {times} as many {items}.",
            "By winter the number of {items} is {a} times as large.",
            "{He} keeps going until {he} has {times} as many {items} as before.",
            "Thanks to {friend}, {he} now has {times} as many.",
            "{He} increases the number of {items} to {a} times as many.",
        ),
        "divide": (
            "{He} arranges the {items} in {a} equal stacks and keeps one stack.",
            "In the end {he} holds on to {part} of the {items}.",
            "{He} divides the {items} equally among {a} {boxes} and keeps just one {box}.",
            "A group of {a} people, {name} among them, share the {items} equally.",
            "A flood leaves {him} with only {part} of the {items}.",
        ),
        "add_groups": (
            "{He} then buys {a} {boxes} holding {b} {items} each.",
            "On {a} days {he} gets {b} more {items} a day.",
            "{friend} delivers {a} {boxes} with {b} {items} in each.",
            "Later {a} neighbors give {him} {b} {items} each.",
        ),
        "subtract_groups": (
            "{He} then gives {a} neighbors {b} {items} each.",
            "On {a} days {he} gives away {b} {items} a day.",
            "{friend} carries off {a} {boxes} with {b} {items} in each.",
            "Later {a} customers buy {b} {items} each.",
        ),
        "ask": (
            "How many {items} does {name} finally have?",
            "How many {items} does that leave {name} with?",
            "So how many {items} does {name} have?",
            "Find the number of {items} that {name} has now.",
        ),
        "ask_product": (
            "{He} gets {a} dollars for each of them. How many dollars is that altogether?",
            "It takes {a} minutes to clean one. How many minutes does it take to clean them all?",
            "{friend} plans to have {times} as many. How many {items} is that?",
        ),
        "ask_share": (
            "They are handed out equally to {a} people. How many {items} does each person get?",
            "{He} packs {a} into every {box} until none are left. How many {boxes} does {he} fill?",
            "{He} arranges them in {a} equal rows. How many {items} are in each row?",
        ),
        "together_more": (
            "{friend} has {a} more {items} than {name} does. What is their total?",
            "{friend} has got {a} more than {name}. How many {items} have they got between them?",
        ),
        "together_fewer": (
            "{friend} has {a} fewer {items} than {name} does. What is their total?",
            "{friend} has got {a} fewer than {name}. How many {items} have they got between them?",
        ),
        "together_times": (
            "{friend} has {times} as many {items} as {name} does. What is their total?",
            "{friend} has got {times} as many as {name}. How many {items} have they got between them?",
        ),
    },
)
