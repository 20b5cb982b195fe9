"""The world that Starling Nano knows: names, places, words and lists, all typed in by hand.

Everything here is true, except what is called made up. Facts with questions of their own are in
`world_facts`, questions that the model does not answer in `world_unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping


def words(text: str) -> tuple[str, ...]:
    """The entries of a list with commas, wherever its lines are broken."""
    return tuple(" ".join(entry.split()) for entry in text.split(","))


def pairs(text: str) -> dict[str, str]:
    """The entries of a list like `cow: moo; sheep: baa`, wherever its lines are broken."""
    entries = (" ".join(entry.split()).partition(": ") for entry in text.split(";"))
    return {left: right for left, _, right in entries}


# First names of many languages: 3 to 9 ASCII letters.
NAMES: tuple[str, ...] = words("""
    Aaron, Abena, Adam, Adele, Agnes, Ahmed, Aiko, Aisha, Alan, Albert, Alejandro, Alice, Alina,
    Amara, Amelia, Amina, Amir, Ana, Anders, Andrea, Andrew, Anita, Anjali, Anna, Antonio, Anya,
    Arjun, Arthur, Astrid, Ayumi, Barbara, Bella, Ben, Bianca, Bogdan, Boris, Bruno, Camila, Carla,
    Carlos, Carmen, Caroline, Catherine, Cecilia, Charlotte, Chidi, Chiara, Chloe, Clara, Claude,
    Dalia, Daniel, Daria, David, Deepak, Diana, Diego, Dmitri, Dorothy, Edward, Elena, Eleni, Elif,
    Elias, Elizabeth, Ella, Emil, Emily, Emma, Enrico, Erik, Esther, Eva, Fatima, Felix, Fiona,
    Franz, Freya, Gabriel, George, Giulia, Grace, Greta, Gustav, Hana, Hannah, Hans, Haruto, Hassan,
    Heidi, Helen, Henry, Hugo, Ibrahim, Ida, Igor, Ines, Ingrid, Irina, Isaac, Isabel, Ivan, Jack,
    Jacob, Jakub, James, Jamal, Jan, Jasmine, Javier, Jin, Joanna, John, Jonas, Jose, Julia, Jun,
    Kaito, Karim, Karin, Kate, Katya, Kavya, Kenji, Khalid, Kofi, Kwame, Lara, Lars, Laura, Layla,
    Leah, Leila, Lena, Leo, Liam, Lina, Linh, Linus, Lucas, Lucia, Luis, Luna, Magnus, Malik,
    Marco, Maria, Marie, Martin, Mary, Mateo, Matilda, Max, Maya, Mei, Mia, Miguel, Mila, Mina,
    Miriam, Mohammed, Nadia, Naomi, Natalia, Nia, Nikolai, Nils, Nina, Noah, Noor, Nora, Oliver,
    Olga, Omar, Oscar, Paolo, Patrick, Paul, Pedro, Peter, Petra, Philip, Pierre, Priya, Rachel,
    Rafael, Rahul, Rania, Ravi, Robert, Rohan, Rosa, Ruth, Samir, Samuel, Sandra, Sara, Sofia,
    Sanjay, Simon, Soren, Stefan, Susan, Sven, Tadeo, Tanya, Tariq, Theo, Thomas, Tom, Uma,
    Valentina, Vera, Victor, Viktoria, Vikram, Wei, William, Xavier, Yara, Yasmin, Yuki, Yusuf,
    Zainab, Zara, Zoe
""")

# Starts, middles and ends that join to names nobody has, such as "Velora", "Tamir" or "Koben".
SYLLABLES: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] = (
    words("""
        a, ba, be, bo, bri, ca, da, de, do, dra, e, el, fe, fi, fo, ga, ge, gri, ha, he, i, ja, je,
        jo, ka, ke, ki, ko, la, le, li, lo, lu, ma, me, mi, na, ne, no, o, pa, pe, ra, re, ri, ro,
        sa, se, so, sta, ta, te, ti, to, tri, va, ve, vi, vo, wa, wi, ya, yo, za, ze, zo
    """),
    words("be, da, do, la, le, li, lo, ma, mo, na, ne, no, ra, re, ri, ro, sa, te, va, vi"),
    words("""
        bel, ben, bin, bor, da, dan, del, den, dor, dra, kan, kel, kim, la, lan, len, lia, lin, lo,
        lor, mar, min, mir, mon, na, nel, nia, nor, ra, ran, ria, rin, ris, ron, sa, sel, sha, sia,
        son, ta, tal, tha, tor, va, van, via, vin, wen, za, zan
    """),
)

# Countries and their capitals; only where nobody argues about them.
CAPITALS: Mapping[str, str] = pairs("""
    Afghanistan: Kabul; Albania: Tirana; Algeria: Algiers; Argentina: Buenos Aires;
    Australia: Canberra; Austria: Vienna; Bangladesh: Dhaka; Belarus: Minsk; Belgium: Brussels;
    Brazil: Brasilia; Bulgaria: Sofia; Cambodia: Phnom Penh; Canada: Ottawa; Chile: Santiago;
    China: Beijing; Colombia: Bogota; Croatia: Zagreb; Cuba: Havana; the Czech Republic: Prague;
    Denmark: Copenhagen; Ecuador: Quito; Egypt: Cairo; Estonia: Tallinn; Ethiopia: Addis Ababa;
    Fiji: Suva; Finland: Helsinki; France: Paris; Germany: Berlin; Ghana: Accra; Greece: Athens;
    Hungary: Budapest; Iceland: Reykjavik; India: New Delhi; Iran: Tehran; Iraq: Baghdad;
    Ireland: Dublin; Italy: Rome; Jamaica: Kingston; Japan: Tokyo; Jordan: Amman; Kenya: Nairobi;
    Latvia: Riga; Lebanon: Beirut; Libya: Tripoli; Lithuania: Vilnius; Madagascar: Antananarivo;
    Malaysia: Kuala Lumpur; Malta: Valletta; Mexico: Mexico City; Mongolia: Ulaanbaatar;
    Morocco: Rabat; Namibia: Windhoek; Nepal: Kathmandu; the Netherlands: Amsterdam;
    New Zealand: Wellington; Nicaragua: Managua; Nigeria: Abuja; North Macedonia: Skopje;
    Norway: Oslo; Pakistan: Islamabad; Peru: Lima; the Philippines: Manila; Poland: Warsaw;
    Portugal: Lisbon; Qatar: Doha; Romania: Bucharest; Russia: Moscow; Rwanda: Kigali;
    Saudi Arabia: Riyadh; Senegal: Dakar; Serbia: Belgrade; Slovakia: Bratislava;
    Slovenia: Ljubljana; South Korea: Seoul; Spain: Madrid; Sweden: Stockholm; Switzerland: Bern;
    Syria: Damascus; Thailand: Bangkok; Tunisia: Tunis; Turkey: Ankara; Uganda: Kampala;
    Ukraine: Kyiv; the United Kingdom: London; the United States: Washington, D.C.;
    Uruguay: Montevideo; Uzbekistan: Tashkent; Venezuela: Caracas; Vietnam: Hanoi;
    Zimbabwe: Harare
""")

_COUNTRIES_OF_CONTINENTS = {
    "Europe": """
        Albania, Austria, Belarus, Belgium, Bulgaria, Croatia, the Czech Republic, Denmark,
        Estonia, Finland, France, Germany, Greece, Hungary, Iceland, Ireland, Italy, Latvia,
        Lithuania, Malta, the Netherlands, North Macedonia, Norway, Poland, Portugal, Romania,
        Serbia, Slovakia, Slovenia, Spain, Sweden, Switzerland, Ukraine, the United Kingdom
    """,
    "Asia": """
        Afghanistan, Bangladesh, Cambodia, China, India, Iran, Iraq, Japan, Jordan, Lebanon,
        Malaysia, Mongolia, Nepal, Pakistan, the Philippines, Qatar, Saudi Arabia, South Korea,
        Syria, Thailand, Uzbekistan, Vietnam
    """,
    "Africa": """
        Algeria, Ethiopia, Ghana, Kenya, Libya, Madagascar, Morocco, Namibia, Nigeria, Rwanda,
        Senegal, Tunisia, Uganda, Zimbabwe
    """,
    "North America": "Canada, Cuba, Jamaica, Mexico, Nicaragua, the United States",
    "South America": "Argentina, Brazil, Chile, Colombia, Ecuador, Peru, Uruguay, Venezuela",
    "Oceania": "Australia, Fiji, New Zealand",
}

# Country to continent, for the countries above that lie on one: not Egypt, Russia and Turkey.
CONTINENTS: Mapping[str, str] = {
    country: continent
    for continent, countries in _COUNTRIES_OF_CONTINENTS.items()
    for country in words(countries)
}

# Names that sound like countries and are none, so that the model learns to say it knows none.
MADE_UP_COUNTRIES: tuple[str, ...] = words("""
    Zandoria, Belovia, Adrovia, Akermia, Aldrenia, Amberdia, Ankoria, Arvandia, Astrinia, Azelia,
    Balduria, Baronesh, Belistand, Bendovia, Borvenia, Brandesia, Brovnia, Cadrovia, Calidesh,
    Camboria, Carvonia, Castelmark, Celandia, Cordavia, Dalmoria, Daresia, Delgravia, Dorvania,
    Drakovia, Dunmarland, Ebrania, Edrovia, Elkovia, Emberland, Erasmia, Estravia, Fandoria,
    Farnovia, Felduria, Fenlandia, Ferovia, Galmeria, Garvonia, Glenovia, Gorvania, Grandovia,
    Halvenia, Harvonia, Helmora, Hordavia, Ilvania, Iskandra, Ithmoria, Jandovia, Jorvania,
    Kaldovia, Kalvesh, Karvenia, Keldovia, Kerandia, Korbania, Kostrania, Kravonia, Lamoria,
    Larvonia, Lendoria, Lorvandia, Lumeria, Macrovia, Maldrenia, Marvonia, Meldovia, Mirandesh,
    Mondaria, Morvenia, Narovia, Nelmoria, Norlandia, Novandia, Obrania, Oldervia, Orvania,
    Ostrenia, Palmeria, Pandovia, Parvonia, Pelmoria, Perlovia, Quandoria, Quelovia, Ramdovia,
    Renovia, Rostavia, Rundovia, Saldovia, Samboria, Selmaria, Silvandia, Sorvenia, Sunderia,
    Talvania, Tarmovia, Tendoria, Tolvania, Trandovia, Ulmaria, Umbravia, Urdania, Valdenia,
    Varmoria, Velandia, Vermovia, Vindoria, Vostrania, Waldoria, Westrovia, Wendovia, Yarvonia,
    Yelmoria, Zelvania
""")

# Cities of the whole world.
CITIES: tuple[str, ...] = words("""
    Amsterdam, Athens, Auckland, Baghdad, Bangkok, Barcelona, Beijing, Berlin, Boston, Brussels,
    Budapest, Buenos Aires, Cairo, Cape Town, Chicago, Copenhagen, Dallas, Delhi, Dubai, Dublin,
    Edinburgh, Florence, Geneva, Hamburg, Hanoi, Havana, Helsinki, Istanbul, Jakarta, Karachi,
    Kyoto, Lagos, Lima, Lisbon, London, Los Angeles, Madrid, Manila, Melbourne, Mexico City,
    Milan, Montreal, Moscow, Mumbai, Munich, Nairobi, New York, Osaka, Oslo, Paris, Prague, Rome,
    San Francisco, Seoul, Shanghai, Stockholm, Sydney, Tokyo, Toronto, Vienna
""")

COLOURS: tuple[str, ...] = words("""
    red, orange, yellow, green, blue, purple, pink, brown, black, white, grey, turquoise
""")

# The colours of the rainbow, from the outer edge to the inner one.
RAINBOW: tuple[str, ...] = words("red, orange, yellow, green, blue, indigo, violet")

# Food that goes without an article: "I like soup".
FOODS: tuple[str, ...] = words("""
    pizza, pasta, soup, rice, bread, cheese, salad, chocolate, ice cream, pancakes, noodles, sushi,
    spaghetti, lasagne, curry, chips, popcorn, porridge, yoghurt, honey, cake, biscuits, waffles,
    dumplings, omelettes, sandwiches, burgers, tacos, apple pie, risotto
""")

ANIMALS: tuple[str, ...] = words("""
    dog, cat, horse, cow, sheep, goat, pig, duck, goose, hen, rabbit, mouse, hamster, fox, wolf,
    bear, lion, tiger, elephant, giraffe, zebra, monkey, kangaroo, koala, panda, penguin, owl,
    eagle, parrot, starling, dolphin, whale, shark, octopus, turtle, frog, snake, squirrel,
    hedgehog, camel
""")

SPORTS: tuple[str, ...] = words("""
    football, tennis, basketball, volleyball, hockey, cricket, golf, rugby, badminton, swimming,
    cycling, running, skiing, boxing, rowing
""")

JOBS: tuple[str, ...] = words("""
    teacher, doctor, nurse, baker, farmer, gardener, painter, pilot, cook, carpenter, plumber,
    electrician, engineer, writer, singer, actor, dentist, librarian, journalist, photographer,
    scientist, lawyer, musician, tailor, butcher, postman, firefighter, mechanic, waiter,
    hairdresser
""")

HOBBIES: tuple[str, ...] = words("""
    painting, reading, drawing, cooking, baking, gardening, hiking, fishing, dancing, singing,
    knitting, sewing, writing, sailing, climbing, camping, skating, juggling, birdwatching,
    travelling
""")

DRINKS: tuple[str, ...] = words("""
    water, tea, coffee, milk, lemonade, cocoa, apple juice, orange juice, tomato juice,
    peppermint tea, iced tea, ginger ale
""")

SEASONS: tuple[str, ...] = ("spring", "summer", "autumn", "winter")

MONTHS: tuple[str, ...] = words("""
    January, February, March, April, May, June, July, August, September, October, November,
    December
""")

DAYS: tuple[str, ...] = words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")

# From the Sun outwards.
PLANETS: tuple[str, ...] = words("Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune")

INSTRUMENTS: tuple[str, ...] = words("""
    piano, violin, guitar, flute, drum, trumpet, cello, harp, clarinet, saxophone, trombone, banjo
""")

FRUITS: tuple[str, ...] = words("""
    apple, banana, orange, pear, cherry, grape, lemon, peach, plum, mango, strawberry, pineapple
""")

VEGETABLES: tuple[str, ...] = words("""
    carrot, potato, onion, cabbage, broccoli, spinach, leek, cauliflower, lettuce, turnip, beetroot,
    radish
""")

# Everyday objects that can be counted.
THINGS: tuple[str, ...] = words("""
    bicycle, lamp, table, chair, book, pencil, cup, plate, spoon, fork, knife, bottle, basket, box,
    bag, key, door, window, mirror, clock, watch, phone, camera, radio, candle, blanket, pillow,
    towel, broom, bucket, hammer, ladder, umbrella, hat, shoe, coat, kite, ball, boat, car
""")

# Adjective pairs; each goes both ways, and no word is in two of them.
OPPOSITES: tuple[tuple[str, str], ...] = tuple(
    pairs("""
        big: small; hot: cold; long: short; fast: slow; old: young; happy: sad; heavy: light;
        bright: dark; good: bad; wet: dry; full: empty; hard: soft; easy: difficult; rich: poor;
        strong: weak; loud: quiet; clean: dirty; early: late; open: closed; near: far;
        thick: thin; wide: narrow; deep: shallow; high: low; right: wrong; true: false;
        brave: cowardly; kind: unkind; polite: rude; smooth: rough; sharp: blunt; sweet: sour;
        awake: asleep; alive: dead; safe: dangerous; cheap: expensive; beautiful: ugly;
        clever: stupid; careful: careless; possible: impossible; visible: invisible; tiny: huge;
        patient: impatient; honest: dishonest; lucky: unlucky; healthy: sick; guilty: innocent;
        modern: ancient; public: private; simple: complicated; straight: crooked; tight: loose;
        absent: present; first: last; same: different; common: rare; wild: tame; fresh: stale;
        interesting: boring; useful: useless
    """).items()
)

ANIMAL_SOUNDS: Mapping[str, str] = pairs("""
    cow: moo; dog: woof; cat: meow; sheep: baa; pig: oink; duck: quack; horse: neigh;
    rooster: cock-a-doodle-doo; owl: hoot; lion: roar; snake: hiss; bee: buzz; mouse: squeak;
    frog: croak; donkey: hee-haw
""")

BABY_ANIMALS: Mapping[str, str] = pairs("""
    dog: puppy; cat: kitten; cow: calf; horse: foal; sheep: lamb; goat: kid; pig: piglet;
    duck: duckling; goose: gosling; chicken: chick; lion: cub; bear: cub; deer: fawn;
    kangaroo: joey; frog: tadpole; swan: cygnet; owl: owlet; eagle: eaglet; seal: pup;
    elephant: calf
""")

# Irregular plurals.
PLURALS: Mapping[str, str] = pairs("""
    mouse: mice; child: children; man: men; woman: women; foot: feet; tooth: teeth; goose: geese;
    ox: oxen; person: people; sheep: sheep; fish: fish; deer: deer; leaf: leaves; wolf: wolves;
    knife: knives; life: lives; half: halves; loaf: loaves; shelf: shelves; thief: thieves
""")

# Irregular verbs and their past tense.
PAST_TENSES: Mapping[str, str] = pairs("""
    go: went; see: saw; eat: ate; drink: drank; run: ran; write: wrote; sing: sang; swim: swam;
    take: took; give: gave; come: came; make: made; find: found; think: thought; buy: bought;
    bring: brought; teach: taught; catch: caught; fly: flew; know: knew; grow: grew; throw: threw;
    draw: drew; drive: drove; ride: rode; speak: spoke; break: broke; choose: chose; sleep: slept;
    keep: kept; feel: felt; leave: left; build: built; send: sent; sit: sat; stand: stood;
    tell: told; sell: sold; win: won; begin: began
""")
