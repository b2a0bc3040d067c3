"""The sentences of arithmetic and difference: {a}, {b} are "red stars", {added} is "two stars"."""

from counterfactory.factory.world.varied import VARIED

LEFT = {
    "train": (
        "Remove all {a}. How many things are left?",
        "Take away all {a}. How many things remain?",
        "If all {a} are removed, how many things are left?",
        "How many things remain when the {a} are taken away?",
        "Subtract all {a}. How many things are there then?",
    ),
    "reworded": (
        "Suppose somebody erases all {a}. How many things stay?",
        "Without the {a}, how many things would there be?",
        "Imagine the {a} gone. How many things does that leave?",
    ),
    "varied": VARIED["left"],
}
MORE = {
    "train": (
        "How many more {a} than {b} are there?",
        "How many more {a} are there than {b}?",
        "By how many do the {a} outnumber the {b}?",
        "What is the number of {a} minus the number of {b}?",
        "Subtract the number of {b} from the number of {a}. What is left?",
    ),
    "reworded": (
        "The {a} exceed the {b} by how many?",
        "Compare the {a} with the {b}. How many extra {a} are there?",
        "What is the difference between the number of {a} and the number of {b}?",
    ),
    "varied": VARIED["more"],
}
TOTAL = {
    "train": (
        "How many {a} and {b} are there together?",
        "How many {a} and {b} are there in all?",
        "Add the number of {a} to the number of {b}. What do you get?",
        "What is the number of {a} plus the number of {b}?",
        "Count the {a} and the {b}. How many is that?",
    ),
    "reworded": (
        "Taken together, how many {a} and {b} does the scene hold?",
        "What is the sum of the {a} and the {b}?",
        "Put the {a} and the {b} in one heap. How large is it?",
    ),
    "varied": VARIED["total"],
}
ADD = {
    "train": (
        "Add {added}. How many {a} are there then?",
        "If {added} came in addition, how many {a} would there be?",
        "How many {a} are there after adding {added}?",
        "Put {added} into the picture. How many {a} are there now?",
        "Add {added} to the picture. How many {a} do you have?",
    ),
    "reworded": (
        "Suppose somebody draws {added} more. How many {a} does that make?",
        "Imagine {added} besides. How many {a} would one count?",
        "With {added} on top, how many {a} are there?",
    ),
    "varied": VARIED["add"],
}
LEFT_LEFT = {
    "train": (
        "Remove all {a}, then all {b}. How many things are left?",
        "Take away all {a} and then all {b}. How many things remain?",
        "If first all {a} and then all {b} are removed, how many things are left?",
        "Remove the {a}. Then remove the {b}. How many things remain?",
        "Subtract all {a}, then subtract all {b}. How many things are there then?",
    ),
    "reworded": (
        "Suppose somebody erases all {a} and after that all {b}. How many things stay?",
        "Imagine the {a} gone, and the {b} too. How many things does that leave?",
        "Without the {a} and without the {b}, how many things would there be?",
    ),
    "varied": VARIED["left_left"],
}
LEFT_ADD = {
    "train": (
        "Remove all {a}, then add {added}. How many things are there then?",
        "Take away all {a} and add {added}. How many things are there now?",
        "If all {a} are removed and {added} added, how many things are there?",
        "Remove the {a}. Then put {added} into the picture. How many things are there?",
        "Subtract all {a}, then add {added}. How many things do you have?",
    ),
    "reworded": (
        "Suppose somebody erases all {a} and draws {added}. How many things does that make?",
        "Trade all {a} for {added}. How many things would one count?",
        "Imagine the {a} gone and {added} in their stead. How many things are there?",
    ),
    "varied": VARIED["left_add"],
}
TOTAL_ADD = {
    "train": (
        "Add {added}. How many {a} and {b} are there together?",
        "After adding {added}, how many {a} and {b} are there in all?",
        "Put {added} into the picture. How many {a} and {b} is that together?",
        "If {added} came in addition, how many {a} and {b} would there be together?",
        "Add {added}, then count the {a} and the {b}. How many is that?",
    ),
    "reworded": (
        "Suppose somebody draws {added} more. What is the sum of the {a} and the {b}?",
        "With {added} on top, how many {a} and {b} does the scene hold?",
        "Imagine {added} besides. How large is the heap of {a} and {b}?",
    ),
    "varied": VARIED["total_add"],
}

OPEN = {
    "train": (
        "What is the difference between the two pictures?",
        "What changed from the first picture to the second?",
        "How does the second image differ from the first?",
        "Compare the two pictures. What is different?",
        "Which change turns the first picture into the second?",
    ),
    "reworded": (
        "Somebody altered the first drawing to get the second. What did they do?",
        "Put into words how these two scenes differ.",
        "Spot the difference.",
    ),
}
SHORT = {
    "add": {
        "train": (
            "Which thing is only in the second picture?",
            "What is new in the second picture?",
            "What does the second image show that the first does not?",
            "Which thing was added?",
            "What was put into the second picture?",
        ),
        "reworded": (
            "Which thing did somebody draw in?",
            "What has appeared in the second drawing?",
        ),
    },
    "remove": {
        "train": (
            "Which thing is only in the first picture?",
            "What is missing in the second picture?",
            "What does the first image show that the second does not?",
            "Which thing was removed?",
            "What was taken out of the first picture?",
        ),
        "reworded": (
            "Which thing did somebody erase?",
            "What has vanished from the second drawing?",
        ),
    },
    "recolour": {
        "train": (
            "What colour does the {ref} have in the second picture?",
            "Which colour did the {ref} turn?",
            "The {ref} changed its colour. What is it now?",
            "In the second image, what is the new colour of the {ref}?",
            "What colour was the {ref} given in the second picture?",
        ),
        "reworded": (
            "Somebody painted the {ref}. In what colour?",
            "Which colour is the {ref} afterwards?",
        ),
    },
    "resize": {
        "train": (
            "Which size does the {ref} have in the second picture, small or large?",
            "The {ref} changed its size. What is it now, small or large?",
            "Is the {ref} small or large in the second image?",
            "What is the new size of the {ref}, small or large?",
            "How big is the {ref} in the second picture, small or large?",
        ),
        "reworded": (
            "Is the {ref} small or large afterwards?",
            "Was the {ref} redrawn small or large?",
        ),
    },
    "replace": {
        "train": (
            "What took the place of the {ref}?",
            "What stands in the second picture where the {ref} was?",
            "The {ref} was replaced by what?",
            "Which thing replaced the {ref}?",
            "What is there in the second image instead of the {ref}?",
        ),
        "reworded": (
            "Somebody swapped the {ref} for what?",
            "What did the {ref} turn into?",
        ),
    },
    "move": {
        "train": (
            "Which thing stands in another place in the second picture?",
            "Which thing moved?",
            "What was moved from the first picture to the second?",
            "Which thing changed its place?",
            "What is somewhere else in the second image?",
        ),
        "reworded": (
            "Which thing did somebody shift?",
            "What has wandered off in the second drawing?",
        ),
    },
}
