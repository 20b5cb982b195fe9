"""Little facts of Starling Nano's world; words of other languages, emoji and jokes.

Questions are patterns of `phrases`; most come from the wordings in `fact_kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping

from starling_nano.conversation import Answer
from starling_nano.fact_kinds import (
    colour_of,
    date_of,
    fact,
    how_many_has,
    how_many_in,
    language_of,
    made_of,
    mixing,
    money_of,
    symbol_of,
    turns_into,
    what_they_do,
    where_is,
    which_is_most,
    who_did,
)
from starling_nano.world import pairs

_LARGEST = "[largest|biggest|hugest]"
_SMALLEST = "[smallest|tiniest]"
_ON_EARTH = "[| in the world| on Earth| of all]"

_TIME_AND_MEASURES = (
    how_many_in("days", "[a|one] [year|normal year]", "A year has 365 days."),
    how_many_in("days", "[a|one] week", "A week has seven days."),
    how_many_in(
        "days", "[February|the month of February]", "February has 28 days, or 29 in leap years."
    ),
    how_many_in("months", "[a|one] year", "A year has twelve months."),
    how_many_in("weeks", "[a|one] year", "A year has about 52 weeks."),
    how_many_in("seasons", "[a|one] year", "A year has four seasons."),
    how_many_in("hours", "[a|one] day", "A day has 24 hours."),
    how_many_in("minutes", "[an|one] hour", "An hour has 60 minutes."),
    how_many_in("seconds", "[a|one] minute", "A minute has 60 seconds."),
    how_many_in("years", "[a|one] century", "A century has 100 years."),
    how_many_in("years", "[a|one] decade", "A decade has ten years."),
    how_many_in(
        "[centimetres|centimeters]", "[a|one] [metre|meter]", "A metre has 100 centimetres."
    ),
    how_many_in("[metres|meters]", "[a|one] [kilometre|kilometer]", "A kilometre has 1000 metres."),
    how_many_in("grams", "[a|one] [kilogram|kilo]", "A kilogram has 1000 grams."),
    how_many_in("[things|items|eggs|pieces]", "[a|one] dozen", "A dozen is twelve."),
    how_many_in(
        "letters", "the [alphabet|English alphabet]", "The English alphabet has 26 letters."
    ),
    how_many_in("[colours|colors]", "[a|the] rainbow", "A rainbow is said to have seven colours."),
    how_many_in("planets", "[the|our] solar system", "The solar system has eight planets."),
    how_many_in("players", "[a football|a soccer] team", "A football team has eleven players."),
    how_many_in("continents", "the [world|whole world]", "The world has seven continents."),
    how_many_in("oceans", "the [world|whole world]", "The world has five oceans."),
    how_many_in(
        "bones", "[the human|an adult human|a grown-up human] body", "An adult has 206 bones."
    ),
    date_of("[Christmas|Christmas Day]", "Christmas Day is on 25 December."),
    date_of("[Halloween|Hallowe'en]", "Halloween is on 31 October."),
    date_of("New Year's Day", "New Year's Day is on 1 January."),
)

_SHAPES_AND_COLOURS = (
    how_many_has(
        "[sides|corners]",
        "a triangle",
        "triangles",
        "A triangle has three sides and three corners.",
    ),
    how_many_has(
        "[sides|corners]", "a square", "squares", "A square has four sides and four corners."
    ),
    how_many_has(
        "[sides|corners]", "a hexagon", "hexagons", "A hexagon has six sides and six corners."
    ),
    how_many_has(
        "[sides|corners]", "an octagon", "octagons", "An octagon has eight sides and eight corners."
    ),
    how_many_has("strings", "a guitar", "guitars", "A guitar usually has six strings."),
    how_many_has("keys", "a [modern |]piano", "[modern |]pianos", "A piano has 88 keys."),
    how_many_has("wheels", "a [bicycle|bike]", "[bicycles|bikes]", "A bicycle has two wheels."),
    colour_of("is", "[the sky|a clear sky|the daytime sky]", "The sky is blue on a clear day."),
    colour_of("is", "[grass|the grass|fresh grass]", "Grass is green."),
    colour_of("is", "[snow|the snow|fresh snow]", "Snow is white."),
    colour_of("is", "a [ripe |]banana", "A ripe banana is yellow."),
    mixing("blue", "yellow", "Blue and yellow paint make green."),
    mixing("red", "yellow", "Red and yellow paint make orange."),
    mixing("red", "blue", "Red and blue paint make purple."),
    mixing("red", "white", "Red and white paint make pink."),
)

_ANIMALS_AND_BODIES = (
    how_many_has("legs", "a spider", "spiders", "A spider has eight legs."),
    how_many_has(
        "legs", "[an insect|a beetle|an ant]", "[insects|beetles|ants]", "Insects have six legs."
    ),
    how_many_has(
        "legs",
        "a [dog|cat|horse|cow]",
        "[dogs|cats|horses|cows]",
        "Dogs, cats, horses and cows have four legs.",
    ),
    how_many_has("legs", "[a bird|a duck|a hen]", "[birds|ducks|hens]", "Birds have two legs."),
    how_many_has("arms", "an octopus", "octopuses", "An octopus has eight arms."),
    how_many_has("fingers", "[a|one|your|the human] hand", "hands", "A hand has five fingers."),
    how_many_has("teeth", "an adult[| human]", "adults", "An adult has up to 32 teeth.", "in"),
    which_is_most(
        _LARGEST, "animal", "[| in the world| of all]", "The blue whale is the largest animal."
    ),
    which_is_most(
        "fastest",
        "[land animal|animal on land|runner of all animals]",
        "[| in the world]",
        "The cheetah is the fastest land animal.",
    ),
    which_is_most(
        "tallest",
        "[animal|land animal]",
        "[| in the world| of all| on Earth]",
        "The giraffe is the tallest animal.",
    ),
    which_is_most(
        "[largest|biggest|heaviest]",
        "[land animal|animal on land]",
        "[| in the world]",
        "The African elephant is the largest land animal.",
    ),
    which_is_most(
        "[largest|biggest|tallest|hugest]",
        "bird",
        "[| in the world| of all| on Earth]",
        "The ostrich is the largest bird.",
    ),
    what_they_do("[bees|honeybees|honey bees]", "Bees make honey."),
    what_they_do("[spiders|most spiders]", "Many spiders spin webs of silk.", verb="[spin|weave]"),
    what_they_do("[cows|dairy cows]", "Cows give milk.", verb="[give|give us|give people]"),
    what_they_do("[hens|chickens]", "Hens lay eggs.", verb="lay"),
    what_they_do("[pandas|giant pandas]", "Pandas eat mostly bamboo.", verb="eat"),
    turns_into("a caterpillar", "A caterpillar turns into a butterfly or a moth."),
    turns_into("a tadpole", "A tadpole turns into a frog or a toad."),
    fact(
        "Fish breathe with gills.",
        "how [do fish|does a fish|can fish] [breathe|breathe under water|get air]?",
        "what [do fish|does a fish|do fishes] [breathe with|use to breathe|need to breathe]?",
        "<tell> [how fish breathe|how fish breathe under water|what fish breathe with]",
    ),
    fact(
        "Almost all penguins live south of the equator, many of them in Antarctica.",
        "where do [penguins|most penguins|wild penguins] [live|come from|dwell]?",
        "where [can|do|could|would] [I|you|people] [find|see|meet] [penguins|wild penguins]?",
        "<tell> where [penguins|most penguins] [live|come from]",
    ),
    fact(
        "Polar bears live in the Arctic.",
        "where do [polar bears|wild polar bears] [live|come from|dwell]?",
        "where [can|do|could|would] [I|you|people] [find|see|meet] [polar bears|a polar bear]?",
        "<tell> where [polar bears|wild polar bears] [live|come from]",
    ),
    fact(
        "The heart pumps blood through the body.",
        "what does [the|your|my|a|the human] heart [do|pump|achieve]?",
        "what is [the|your|my|the human] heart [for|good for|there for]?",
        "<tell> what [the|your|my|a|the human] heart [does|is for|pumps]",
        "[what|which organ|which part of the body] [pumps|moves] [blood|our blood|the blood]?",
    ),
    fact(
        "The five senses are sight, hearing, smell, taste and touch.",
        "[what are|which are|name|list|enumerate] [the|our|your] [five|5] senses",
        "what are [the|our|the human] senses?",
        "[which|what] senses [do people|do humans|do we|does a human] have?",
        "<tell> [what|which] [the|our] [five|5] senses are",
    ),
)

_STARLINGS = (
    fact(
        "A starling is a songbird with dark, glossy, speckled feathers.",
        "[what is|what's|what exactly is|what kind of animal is] a starling[|, the bird]?",
        "[explain|describe|please explain|define] what [a starling is|starlings are]",
        "<tell> what [a starling is|starlings are]",
        "what [are|kind of birds are|sort of animals are] starlings?",
        "what does a starling look like?",
    ),
    what_they_do(
        "[starlings|wild starlings]", "Starlings eat insects, worms, seeds and fruit.", verb="eat"
    ),
    fact(
        "A murmuration is a great flock of starlings that turns and swirls in the air.",
        "[what is|what's|what exactly is|what do you mean by] a murmuration[| of starlings]?",
        "[explain|describe|please explain|define] [a murmuration|what a murmuration is]",
        "<tell> what a murmuration [of starlings |]is",
        "what [do you call|is the word for|is the name of] a [flock|big flock] of starlings?",
    ),
    fact(
        "Yes, starlings are good mimics and copy other birds and sounds.",
        "can [starlings|a starling] [talk|speak|copy sounds|copy other birds|mimic sounds]?",
        "[do|can|~may] starlings [imitate|mimic|copy] [sounds|other birds|voices]?",
        "<tell> [if|whether] starlings can [mimic|copy|imitate] [sounds|other birds|voices]",
    ),
    fact(
        "Starlings nest in holes, in trees or in buildings.",
        "where do starlings [nest|build nests|lay their eggs|breed|raise their chicks]?",
        "where [can|do|could|would] [I|you] find [a starling's nest|the nest of a starling]?",
        "<tell> where starlings [nest|build their nests|lay their eggs|breed]",
    ),
    fact(
        "Starlings lay pale blue eggs.",
        "what [colour|color] are [starling eggs|a starling's eggs|the eggs of a starling]?",
        "[what|what kind of|what sort of] eggs [do starlings|does a starling] lay?",
        "<tell> what [colour|color] [starling eggs|a starling's eggs|starlings' eggs] are",
    ),
    colour_of(
        "are",
        "[starlings|the feathers of a starling|starling feathers]",
        "Starlings are dark and glossy, with pale spots in winter.",
    ),
)

_EARTH_AND_SPACE = (
    which_is_most(
        _LARGEST,
        "planet",
        "[| in the solar system| of all]",
        "Jupiter is the largest planet in the solar system.",
    ),
    which_is_most(
        _SMALLEST,
        "planet",
        "[| in the solar system| of all]",
        "Mercury is the smallest planet in the solar system.",
    ),
    which_is_most(
        "[closest|nearest]",
        "star",
        "[| to us| to Earth| to the Earth]",
        "The Sun is the closest star to Earth.",
    ),
    which_is_most(
        "[closest|nearest]",
        "planet",
        " to the [Sun|sun]",
        "Mercury is the planet closest to the Sun.",
    ),
    which_is_most(
        "[tallest|highest|loftiest]",
        "mountain",
        _ON_EARTH,
        "Mount Everest is the highest mountain on Earth.",
    ),
    which_is_most(_LARGEST, "ocean", _ON_EARTH, "The Pacific is the largest ocean."),
    which_is_most(_LARGEST, "country", _ON_EARTH, "Russia is the largest country in the world."),
    which_is_most(
        _SMALLEST, "country", _ON_EARTH, "Vatican City is the smallest country in the world."
    ),
    which_is_most(_LARGEST, "continent", _ON_EARTH, "Asia is the largest continent."),
    which_is_most(
        "[longest|lengthiest]",
        "river",
        " [in|of] [Africa|the African continent]",
        "The Nile is the longest river in Africa.",
    ),
    which_is_most(
        "[largest|biggest]", "hot desert", _ON_EARTH, "The Sahara is the largest hot desert."
    ),
    fact(
        "Mars is called the Red Planet.",
        "[what|which] planet is [called|known as|nicknamed] the [Red Planet|red planet]?",
        "[what|which] planet [is red|looks red|has a red colour]?",
        "<tell> [what|which] planet is [called|known as] the [Red Planet|red planet]",
    ),
    fact(
        "Saturn is famous for its bright rings.",
        "[what|which] planet [has|is famous for|is known for|~shows] [its |]rings?",
        "[what|which] planet [has|is famous for] the [bright|biggest|brightest] rings?",
        "<tell> [what|which] planet [has|is famous for] [rings|the brightest rings]",
    ),
    fact(
        "The Moon goes around the Earth.",
        "what [goes|circles|moves|travels] around the [Earth|earth]?",
        "what does the [Moon|moon] [go around|circle|orbit|move around|revolve around]?",
        "<tell> what [goes around the Earth|circles the Earth|orbits the Earth]",
        "<tell> what the [Moon|moon] [goes around|circles|orbits]",
    ),
    fact(
        "The Earth takes one year to go around the Sun.",
        "how long does the Earth [take|need] to [go around|circle|orbit] the [Sun|sun]?",
        "how [many months|much time] does the Earth [take|need] to [go around|circle] the Sun?",
        "<tell> how long the [Earth|earth] [takes|needs] to [go around|circle|revolve around]"
        " the Sun",
    ),
    fact(
        "The Sun is a star.",
        "[what is|what's|what exactly is|what kind of thing is] the [Sun|sun]?",
        "is the [Sun|sun] [a star|a planet|a star or a planet|a planet or a star]?",
        "<tell> what [the Sun|the sun|our Sun|our sun] is",
        "<tell> [if|whether] the [Sun|sun] is [a star|a planet]",
    ),
    fact(
        "The Earth is round, almost like a ball.",
        "[what|which] shape [is the Earth|does the Earth have|~does the Earth take]?",
        "is the [Earth|earth|world] [flat|round|a ball|flat or round|round or flat]?",
        "<tell> [what|which] shape [the Earth|the earth] [is|has]",
        "[what is|what's] the shape of [the Earth|our planet|the earth]?",
    ),
    fact(
        "The Sun rises in the east.",
        "where does the [Sun|sun] [rise|come up|go up|~first show]?",
        "[in |][which|what] direction does the [Sun|sun] [rise|come up|go up]?",
        "<tell> where the [Sun|sun] [rises|comes up|goes up]",
    ),
    fact(
        "The Sun sets in the west.",
        "where does the [Sun|sun] [set|go down|sink]?",
        "[in |][which|what] direction does the [Sun|sun] [set|go down]?",
        "<tell> where the [Sun|sun] [sets|goes down]",
    ),
    fact(
        "Water boils at 100 degrees Celsius at sea level.",
        "[at what temperature|when|at how many degrees] does water [boil|start to boil]?",
        "[what is|what's] the [boiling point|boiling temperature] of [water|pure water]?",
        "<tell> [at what temperature|when|how hot it is when] water boils",
        "how hot [is|must be] [boiling water|water that boils|water to boil]?",
    ),
    fact(
        "Water freezes at 0 degrees Celsius.",
        "[at what temperature|when|at how many degrees] does water [freeze|turn to ice]?",
        "[what is|what's] the [freezing point|freezing temperature] of [water|pure water]?",
        "<tell> [at what temperature|when|how cold it is when] water [freezes|turns to ice]",
    ),
    fact(
        "H2O is water.",
        "[what is|what's|what exactly is|what does one call|~explain] H2O?",
        "what does [H2O|the formula H2O] [mean|stand for|denote][| in chemistry]?",
        "<tell> what [H2O|the formula H2O] [is|means|stands for]",
    ),
    fact(
        "Ice is frozen water.",
        "[what is|what's|what exactly is] ice[| made of| made from]?",
        "what [do you get|do we get|is there] [when|if] water [freezes|gets very cold]?",
        "<tell> what ice is[| made of| made from]",
        "what [does|will|can] water [become|turn into] [when|if] it [freezes|is frozen]?",
    ),
    fact(
        "Plants need light, water and air to grow.",
        "what [do plants|does a plant|do flowers] need[| to grow| to live| to thrive]?",
        "[which|what] things [do plants|does a plant] need[| to grow]?",
        "<tell> what [plants need|flowers need|a plant needs][| to grow| to live]",
    ),
    fact(
        "People need oxygen from the air to breathe.",
        "[what|which] gas do [people|we|humans|animals] [need|breathe|need to breathe]?",
        "[what|which] part of the air do [people|we|humans] need[| to live| to breathe]?",
        "<tell> [what|which] gas [people|we|humans] [need|need to breathe]",
    ),
    symbol_of("gold", "The chemical symbol of gold is Au."),
    symbol_of("silver", "The chemical symbol of silver is Ag."),
    symbol_of("iron", "The chemical symbol of iron is Fe."),
)

_PEOPLE_AND_PLACES = (
    who_did(
        "wrote",
        "[Romeo and Juliet|the play Romeo and Juliet]",
        "William Shakespeare wrote Romeo and Juliet.",
    ),
    who_did("wrote", "[Hamlet|the play Hamlet]", "William Shakespeare wrote Hamlet."),
    who_did(
        "wrote",
        "[Alice in Wonderland|the book Alice in Wonderland]",
        "Lewis Carroll wrote Alice in Wonderland.",
    ),
    who_did(
        "[painted|made]",
        "[the Mona Lisa|the picture Mona Lisa]",
        "Leonardo da Vinci painted the Mona Lisa.",
    ),
    who_did(
        "was the first [person|man|human]",
        "[on|to walk on] the [Moon|moon]",
        "Neil Armstrong was the first person on the Moon.",
    ),
    who_did(
        "was the first [person|man|human]",
        "[in|to fly into|to travel to] space",
        "Yuri Gagarin was the first person in space.",
    ),
    where_is(
        "is",
        "[the Eiffel Tower|the famous Eiffel Tower]",
        "The Eiffel Tower is in Paris, in France.",
    ),
    where_is("is", "[Big Ben|the clock tower Big Ben]", "Big Ben is in London, in England."),
    where_is("is", "[the Colosseum|the ancient Colosseum]", "The Colosseum is in Rome, in Italy."),
    where_is(
        "is", "the Statue of Liberty", "The Statue of Liberty is in New York, in the United States."
    ),
    where_is("is", "the Great Wall[| of China]", "The Great Wall is in the north of China."),
    where_is(
        "are",
        "[the pyramids of Giza|the Pyramids of Giza|the Giza pyramids]",
        "The pyramids of Giza are near Cairo, in Egypt.",
    ),
    money_of("Japan", "Japan uses the yen."),
    money_of("[the United Kingdom|the UK]", "The United Kingdom uses the pound."),
    money_of("[the United States|the USA]", "The United States uses the dollar."),
    money_of("[Germany|France|Italy|Spain]", "Germany, France, Italy and Spain use the euro."),
    language_of("Brazil", "People in Brazil speak Portuguese."),
    language_of("Mexico", "People in Mexico speak mostly Spanish."),
    language_of("Egypt", "People in Egypt speak Arabic."),
    language_of("Japan", "People in Japan speak Japanese."),
)

_EVERYDAY = (
    made_of("[cheese|most cheese]", "Cheese is made from milk."),
    made_of("[bread|most bread]", "Bread is made from flour and water."),
    made_of("[chocolate|dark chocolate]", "Chocolate is made from cocoa beans."),
    made_of("[paper|most paper]", "Paper is mostly made from wood."),
    fact(
        "A thermometer measures temperature.",
        "what does a thermometer [measure|show|do|tell you|gauge]?",
        "what [is|do you use|do we use|do people use] a thermometer for?",
        "<tell> what a thermometer [measures|shows|does|is for]",
        "[what|which tool|which instrument] [measures|shows] [temperature|the temperature]?",
    ),
    fact(
        "A compass needle points north.",
        "where does [a compass|a compass needle|a compass's needle] [point|point to|aim]?",
        "[what|which|in which] direction does [a compass|a compass needle] [point|show]?",
        "<tell> where [a compass|a compass needle|the needle of a compass] points",
    ),
    fact(
        "A red traffic light means stop.",
        "what does [a red light|a red traffic light] [mean|tell me|tell you|say|signify]?",
        "what [must|should|do] [you|I|we] do [at|when you see] a red [light|traffic light]?",
        "<tell> what a red [light|traffic light] means",
    ),
    fact(
        "A green traffic light means go.",
        "what does [a green light|a green traffic light] [mean|tell me|tell you|say|signify]?",
        "what [can|should|do] [you|I|we] do [at|when you see] a green [light|traffic light]?",
        "<tell> what a green [light|traffic light] means",
    ),
    fact(
        "A, e, i, o and u are the vowels.",
        "[what|which|which letters] are [the|the English] vowels?",
        "[name|list|say|give me|enumerate] [the|all|all the|the five] vowels",
        "<tell> [what|which letters] [the vowels|the English vowels] are",
    ),
    fact(
        "The first letter of the alphabet is A.",
        "[what is|what's|which is] the first letter of the [alphabet|English alphabet|ABC]?",
        "[which|what] letter [is|comes|stands] first in the [alphabet|English alphabet|ABC]?",
        "<tell> what the first letter of the [alphabet|English alphabet|ABC] is",
    ),
    fact(
        "The last letter of the alphabet is Z.",
        "[what is|what's|which is] the last letter of the [alphabet|English alphabet|ABC]?",
        "[which|what] letter [is|comes|stands] last in the [alphabet|English alphabet|ABC]?",
        "<tell> what the last letter of the [alphabet|English alphabet|ABC] is",
    ),
)

# What a child may ask.
LITTLE_FACTS: tuple[Answer, ...] = (
    *_TIME_AND_MEASURES,
    *_SHAPES_AND_COLOURS,
    *_ANIMALS_AND_BODIES,
    *_STARLINGS,
    *_EARTH_AND_SPACE,
    *_PEOPLE_AND_PLACES,
    *_EVERYDAY,
)

# Common words in the spelling of each language.
WORDS_ABROAD: Mapping[str, Mapping[str, str]] = {
    "French": pairs("""
        hello: bonjour; thank you: merci; goodbye: au revoir; yes: oui; no: non;
        please: s'il vous plaît; good morning: bonjour; friend: ami; water: eau; love: amour
    """),
    "German": pairs("""
        hello: hallo; thank you: danke; goodbye: auf Wiedersehen; yes: ja; no: nein;
        please: bitte; good morning: guten Morgen; friend: Freund; water: Wasser; love: Liebe
    """),
    "Spanish": pairs("""
        hello: hola; thank you: gracias; goodbye: adiós; yes: sí; no: no; please: por favor;
        good morning: buenos días; friend: amigo; water: agua; love: amor
    """),
    "Italian": pairs("""
        hello: ciao; thank you: grazie; goodbye: arrivederci; yes: sì; no: no; please: per favore;
        good morning: buongiorno; friend: amico; water: acqua; love: amore
    """),
    "Portuguese": pairs("""
        hello: olá; thank you: obrigado; goodbye: adeus; yes: sim; no: não; please: por favor;
        good morning: bom dia; friend: amigo; water: água; love: amor
    """),
    "Dutch": pairs("""
        hello: hallo; thank you: dank je; goodbye: tot ziens; yes: ja; no: nee;
        please: alsjeblieft; good morning: goedemorgen; friend: vriend; water: water; love: liefde
    """),
    "Swedish": pairs("""
        hello: hej; thank you: tack; goodbye: hej då; yes: ja; no: nej; please: snälla;
        good morning: god morgon; friend: vän; water: vatten; love: kärlek
    """),
    "Polish": pairs("""
        hello: cześć; thank you: dziękuję; goodbye: do widzenia; yes: tak; no: nie;
        please: proszę; good morning: dzień dobry; friend: przyjaciel; water: woda; love: miłość
    """),
    "Japanese": pairs("""
        hello: こんにちは; thank you: ありがとう; goodbye: さようなら; yes: はい; no: いいえ;
        please: お願いします; good morning: おはよう; friend: 友達; water: 水; love: 愛
    """),
    "Greek": pairs("""
        hello: γεια σου; thank you: ευχαριστώ; goodbye: αντίο; yes: ναι; no: όχι;
        please: παρακαλώ; good morning: καλημέρα; friend: φίλος; water: νερό; love: αγάπη
    """),
    "Russian": pairs("""
        hello: привет; thank you: спасибо; goodbye: до свидания; yes: да; no: нет;
        please: пожалуйста; good morning: доброе утро; friend: друг; water: вода; love: любовь
    """),
}

# Names that take the article "a" or "an".
EMOJI: Mapping[str, str] = pairs("""
    smiley: 🙂; heart: ❤️; star: ⭐; bird: 🐦; sun: ☀️; moon: 🌙; cat: 🐱; dog: 🐶; fish: 🐟;
    flower: 🌸; tree: 🌳; cake: 🎂; rocket: 🚀; house: 🏠; apple: 🍎; car: 🚗
""")

# Question and answer, a line each.
JOKES: tuple[str, ...] = (
    "Why did the starling bring a ladder to choir practice?\nIt wanted to reach the high notes.",
    "Why was the clock sent out of the classroom?\nIt kept tocking too much.",
    "What did the big candle say to the little candle?\nI am going out tonight.",
    "Why did the bicycle take a nap?\nIt was two-tired.",
    "What do you call a bear that stands in the rain?\nA drizzly bear.",
    "Why did the book go to the doctor?\nIt had hurt its spine.",
)
