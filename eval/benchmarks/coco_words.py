"""The 80 object classes of COCO and other words that people write for them.

    COCO["couch"]  ->  ("sofa", "loveseat", ...)

What CHAIR looks for in a description. Plurals are made by the reader. A word is listed where it
nearly always means that class: "vehicle" or "food" would not.
"""

_TABLE = """
person: man, woman, boy, girl, child, kid, baby, toddler, lady, player, skier, surfer, rider, men, women, people
bicycle: bike, bicyclist
car: sedan, suv, minivan, taxi, cab, automobile, hatchback
motorcycle: motorbike, scooter, moped
airplane: plane, aeroplane, jet, aircraft, airliner
bus: minibus, school bus, double-decker bus
train: locomotive, tram, subway train
truck: pickup, pickup truck, lorry, fire truck, semi-truck, tow truck
boat: ship, sailboat, canoe, kayak, ferry, rowboat, yacht
traffic light: stoplight, traffic signal, street light signal
fire hydrant: hydrant
stop sign:
parking meter:
bench: park bench
bird: seagull, gull, pigeon, duck, goose, geese, swan, parrot, owl, sparrow, pelican, crow
cat: kitten, kitty
dog: puppy, puppies, pup
horse: pony, ponies, foal
sheep: lamb, ram, ewe
cow: cattle, calf, calves, bull, ox, oxen, heifer
elephant:
bear: polar bear, grizzly, panda
zebra:
giraffe:
backpack: rucksack, knapsack
umbrella: parasol
handbag: purse, tote bag
tie: necktie, bow tie, bowtie
suitcase: luggage, briefcase
frisbee: flying disc
skis: ski
snowboard:
sports ball: ball, soccer ball, tennis ball, baseball ball, basketball, football, volleyball
kite:
baseball bat:
baseball glove: mitt, catcher's mitt
skateboard:
surfboard: surf board
tennis racket: racket, racquet, tennis racquet
bottle: wine bottle, beer bottle, water bottle
wine glass: wineglass, goblet
cup: mug, teacup, coffee cup
fork:
knife: knives
spoon:
bowl:
banana:
apple:
sandwich: burger, hamburger, cheeseburger, panini
orange: orange fruit
broccoli:
carrot:
hot dog: hotdog
pizza:
donut: doughnut, bagel
cake: cupcake, cheesecake
chair: armchair, stool
couch: sofa, loveseat, settee
potted plant: houseplant, house plant, pot plant
bed: mattress
dining table: table, desk, kitchen table, coffee table
toilet: urinal
tv: television, monitor, tv screen, television set, television screen
laptop: laptop computer, notebook computer
mouse: computer mouse
remote: remote control
keyboard: computer keyboard
cell phone: phone, cellphone, mobile phone, smartphone
microwave: microwave oven
oven: stove
toaster:
sink: washbasin
refrigerator: fridge
book: textbook, novel
clock: wall clock, alarm clock
vase:
scissors: scissor
teddy bear: teddy, stuffed bear
hair drier: hair dryer, hairdryer, blow dryer
toothbrush:
"""

COCO: dict[str, tuple[str, ...]] = {
    name.strip(): tuple(word.strip() for word in words.split(",") if word.strip())
    for name, words in (line.split(":") for line in _TABLE.strip().splitlines())
}
"""Canonical name -> other words."""

NO_OBJECT = (
    "toilet paper", "hot tub", "bear market", "car park", "bus stop", "bus station", "bus shelter",
    "train station", "train track", "train tracks", "boat house", "tie dye", "bird house",
    "dog house", "bottle cap", "bowl cut", "cell tower", "orange juice", "carrot cake", "book store",
    "bookshelf", "bedside", "chair lift", "keyboard piano", "table cloth", "tablecloth", "sink hole",
)  # fmt: skip
"""Double words that name no object of the list although a part of them does."""


def coco_name(name: str) -> str:
    """Return the canonical class of a word.

    >>> coco_name("sofa"), coco_name("Dog")
    ('couch', 'dog')
    """
    word = name.strip().lower().replace("_", " ")
    if word in COCO:
        return word
    return next((key for key, words in COCO.items() if word in words), word)
