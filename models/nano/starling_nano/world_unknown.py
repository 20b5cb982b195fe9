"""Questions that Starling Nano cannot answer, and what they are about.

A model of a few million weights knows almost nothing; these teach it to say so. None of them is
answered by `world` or `world_facts`.
"""

from __future__ import annotations

from starling_nano.world import words

# Noun phrases, singular or plural, that fit after "tell me about".
TOPICS: tuple[str, ...] = words("""
    quantum physics, the French Revolution, the theory of relativity, black holes, photosynthesis,
    the Roman Empire, the Industrial Revolution, the Cold War, the stock market, inflation, climate
    change, nuclear fusion, plate tectonics, evolution, natural selection, genetics, the immune
    system, vaccines, antibiotics, diabetes, high blood pressure, the nervous system, the periodic
    table, organic chemistry, thermodynamics, electromagnetism, string theory, dark matter, the Big
    Bang, supernovas, comets, earthquakes, volcanoes, hurricanes, the greenhouse effect, the carbon
    cycle, the water cycle, coral reefs, rainforests, glaciers, the ice ages, dinosaurs, fossils,
    mammoths, the Stone Age, the Bronze Age, ancient Egypt, ancient Greece, the Vikings, the
    Aztecs, the Incas, the Maya, the Ottoman Empire, the Ming dynasty, the samurai, the Crusades,
    the Black Death, the Renaissance, the Reformation, the Enlightenment, the American Civil War,
    the First World War, the Second World War, the Russian Revolution, the Silk Road, the Magna
    Carta, feudalism, capitalism, socialism, democracy, the separation of powers, the European
    Union, the United Nations, human rights, international law, copyright law, tax law, contract
    law, minimum wages, interest rates, mortgages, bonds, game theory, supply and demand,
    globalisation, free trade, existentialism, stoicism, utilitarianism, Buddhism, Hinduism,
    Christianity, Islam, Judaism, Greek mythology, Norse mythology, classical music, jazz, hip hop,
    baroque architecture, Gothic cathedrals, impressionism, cubism, surrealism, modern dance,
    ballet, film noir, science fiction, haiku, sonnets, medieval literature, calculus, linear
    algebra, topology, number theory, fractals, complex numbers, Bayesian statistics, probability
    theory, cryptography, differential equations, the Pythagorean theorem, the Fibonacci sequence,
    steam engines, jet engines, electric cars, solar power, wind turbines, nuclear power plants,
    lasers, microscopes, telescopes, satellites, space stations, radio waves, semiconductors,
    psychology, hypnosis, dreams, child development, migraines, allergies, nutrition, marathon
    training, wine making, beekeeping, crop rotation, chess openings, the Olympic Games, the Tour
    de France
""")

# Persons whom many people ask about.
PERSONS: tuple[str, ...] = words("""
    Albert Einstein, Isaac Newton, Marie Curie, Charles Darwin, Galileo Galilei, Nikola Tesla,
    Thomas Edison, Ada Lovelace, Alan Turing, Stephen Hawking, Louis Pasteur, Alexander Fleming,
    Johannes Kepler, Nicolaus Copernicus, Michael Faraday, Niels Bohr, Max Planck, Richard Feynman,
    Rosalind Franklin, Gregor Mendel, Archimedes, Euclid, Pythagoras, Leonhard Euler, Emmy Noether,
    Socrates, Plato, Aristotle, Confucius, Immanuel Kant, Karl Marx, Friedrich Nietzsche, Voltaire,
    Julius Caesar, Cleopatra, Alexander the Great, Genghis Khan, Joan of Arc, Napoleon Bonaparte,
    Queen Victoria, Queen Elizabeth, Catherine the Great, George Washington, Abraham Lincoln,
    Winston Churchill, Mahatma Gandhi, Nelson Mandela, Martin Luther King, Rosa Parks, John Kennedy,
    Barack Obama, Angela Merkel, Christopher Columbus, Marco Polo, Ferdinand Magellan,
    Amelia Earhart, Florence Nightingale, Jane Austen, Leo Tolstoy, Fyodor Dostoevsky, Mark Twain,
    Ernest Hemingway, Agatha Christie, Franz Kafka, Victor Hugo, Homer, Dante, Michelangelo,
    Rembrandt, Vincent van Gogh, Pablo Picasso, Frida Kahlo, Claude Monet, Johann Sebastian Bach,
    Wolfgang Amadeus Mozart, Ludwig van Beethoven, Frederic Chopin, Elvis Presley,
    Charlie Chaplin, Audrey Hepburn
""")

# Books and films that do not exist.
TITLES: tuple[str, ...] = words("""
    The Silent Harbour, Winter of Glass, The Last Lighthouse, A Map of Rain,
    Beyond the Copper Hills,
    The Clockmaker's Niece, Seven Doors North, The Salt Garden, Letters to No One, Paper Lanterns,
    The Orchard at Midnight, Wolves of the Estuary, The Borrowed Year, A Shadow over Brindle,
    The Cartographer's Debt, Night Train to Halden, The Ninth Bell, Under Amber Skies,
    The Glass Shepherd, Nobody's Island, The Violet Hour Club, Thunder on the Plain,
    The Baker of Tolland Street, Cold Harvest Moon, The Whispering Quarry, An Ocean Too Far,
    The Tin Ambassador, Ashes and Marigolds, The Second Gardener, Return to Ferrow,
    The Lantern Thief, A Quiet Kind of Storm, The River Keeps Its Word, Tomorrow in Velden,
    The Crooked Staircase, Seventeen Sparrows, The Iron Meadow, Daughters of the Tide,
    The Man Who Sold Fog, Low Bridge, The Forgotten Observatory, Sundays in Marrow Lane,
    The Ivory Compass, When the Geese Came Back, The Wax Detective, Beneath the Pale Arch,
    A Feast for Ravens, The Long Ferry Home, Copper and Lace, The Mountain Below,
    Three Winters in Osk, The Blue Notebook, The Unfinished Bridge, Starlight Station,
    The Hollow Parade, A Pocket Full of Thorns, The Emerald Tenant, Dust on the Piano,
    The Weaver's Alibi, Goodnight Captain Rook
""")

# Patterns; `{topic}`, `{person}`, `{place}`, `{thing}`, `{title}`, `{sentence}`
# and `{year}` are filled in; a slot stands for one value, however often it occurs.
UNKNOWN_QUESTIONS: tuple[str, ...] = (
    # Explanations and long texts.
    "<explain> {topic}[|, in simple words|, in detail|, step by step]",
    "tell me [more|everything|something|all you know|a bit] about {topic}[|, please]",
    "what do you [know|think|remember|reckon] about [{topic}|the history of {topic}]?",
    "[can|could|would] you [teach me|help me understand|explain to me|walk me through] {topic}?",
    "[write|compose|draft|please write] [an essay|a report|an article|a paper|a speech|a treatise]"
    " [about|on] {topic}",
    "[write|compose|make up] [a poem|a song|a sonnet|a rap|a ballad] about [{topic}|{person}]",
    "[summarise|summarize|give me a summary of|sum up] [{title}|the book {title}|{topic}]",
    "[compare|connect|what connects|what links|contrast] {person} [and|with] {topic}",
    "why [is|are] {topic} [important|so important|interesting|so hard to understand|relevant]?",
    "[who|which person|which scholar] [discovered|invented|founded|first described] {topic}?",
    "[when|where|in which year|in which century] did {topic} [begin|start|end|first appear]?",
    "what [caused|causes|led to|brought about] {topic}[| in {year}| in {place}|, in your view]?",
    "[what are|list|name] the [main ideas|key facts|causes|dangers|advantages] of {topic}",
    "[recommend|suggest|name|propose] [a book|a good book|a course|a film] [about|on] {topic}",
    "[is it true|are you sure|can you prove|do you believe] that {topic} [changed the world|will"
    " matter in the future|started in {year}]?",
    # People.
    "[who|and who|who exactly|what kind of person|~what sort of man] [is|was] {person}?",
    "[when|where|in what year|in which town|in which country] [was|is] {person} [born|buried]?",
    "[when|where|how|at what age|why] did {person} [die|marry|become famous|pass away]?",
    "how [old|tall|rich|famous|wealthy] [is|was] {person}?",
    "[what|why] [is|was] {person} [famous for|known for|so famous|remembered for]?",
    "[is|was] {person} [married|still alive|a good person|born in {place}|wedded]?",
    "what did {person} [do|say|discover|write|invent|believe|achieve] [in {year}|about {topic}]?",
    "[tell me|give me|write] [the biography|the life story|a short biography] of {person}",
    "did {person} [ever|really|often] [visit|live in|see|leave|write about|set foot in] {place}?",
    "[who were|name] the [parents|children|friends|teachers|siblings] of {person}",
    "give me a [quote|famous quote|saying|quotation] [by|from] {person}",
    # Places and travel.
    "how many [people|children|students|inhabitants|citizens] [live|are living|lived in {year}]"
    " in {place}?",
    "how [far|many kilometres|many miles] is it from {place} to [the sea|the border|the nearest"
    " airport|the mountains|the coast]?",
    "[what is|what's] the [weather|weather like|temperature|forecast] in {place}"
    "[| today| tomorrow| right now]?",
    "will it [rain|snow|be sunny|be warm|be cold|drizzle] [tomorrow|today|next week] in {place}?",
    "[which|what] [hotels|restaurants|museums|shops|sights|cafes] [are good|can I visit|do you"
    " recommend] in {place}?",
    "how [do|can] I [get|travel|drive|go|~find my way] from {place} to [the sea|the airport|the"
    " station|the old town]?",
    "[who|which person] [is|was] the [mayor|governor|bishop|ruler] of {place}[| in {year}]?",
    "[when|by whom|in which year|why] was {place} [founded|built|destroyed|settled]?",
    "what [is|was] {place} [like|famous for|known for|called in {year}]?",
    "how [high|tall|old|wide] is the [tower|bridge|cathedral|tallest building|spire] in {place}?",
    "what [happened|went wrong|was built|changed|was invented|took place] in {place} in {year}?",
    "what time [do the shops open|do the banks close|does the museum close|does the sun rise]"
    " in {place}[| today| tomorrow| on holidays]?",
    "[book|reserve|find|order] [a flight|a hotel|a table|a taxi|a train] [to|in] {place}",
    "[which|what] [train|bus|flight|road] [goes|leads] to {place}?",
    # News, politics, sport.
    "[what is|what's|tell me] [the latest news|today's news|new] [about|on] {topic}",
    "what [happened|was in the news|was going on] [today|yesterday|last week|in {year}]?",
    "who [won|lost|played in|triumphed in] the [election|final|world cup|race|game|match]"
    " [in {year}|yesterday|last year]?",
    "who [was|became] [the president|the prime minister|the king|the chancellor|the monarch]"
    " in {year}?",
    "[which|what] party [should I vote for|is the best|won in {year}|deserves my vote]?",
    "[what is|what's] the score of the [match|game|final] [today|right now|in {place}]?",
    "who [is|will be] the next [president|prime minister|champion|pope|world champion]?",
    # Prices, money, things.
    "how much [does|did] a {thing} [cost|cost in {year}|cost in {place}|weigh|~set me back]?",
    "[what is|what's] the [price|average price|weight|best price] of a {thing}?",
    "where can I [buy|get|find|repair|purchase] a [{thing}|cheap {thing}|good {thing}]?",
    "[who|which company] [invented|made|built|designed|devised] the [first|oldest] {thing}?",
    "how do I [fix|repair|clean|build|paint|mend] a [{thing}|broken {thing}|old {thing}]?",
    "[which|what] {thing} is the [best|cheapest|safest|finest][| to buy| in {year}]?",
    "should I [buy|sell|invest in] [gold coins|a house|shares|bonds|a {thing}] [now|in {year}]?",
    "[what is|what's] the [exchange rate|share price|price of oil|interest rate] [today|now]?",
    "what [is|was] the [inflation rate|unemployment rate|average wage] in [{place}|{year}]?",
    # Medicine and law.
    "[what|which] [medicine|pill|drug|tea|remedy] [helps|should I take|works] [for|against]"
    " [a headache|a fever|a cough|a cold|back pain|a sore throat]?",
    "what [are the symptoms|is the cause|are the signs] of [the flu|measles|asthma|a stroke]?",
    "how do I [treat|cure|get rid of|heal] [a burn|a fever|a rash|an ear infection|acne]?",
    "is it [legal|illegal|allowed|against the law] to [park|fish|camp|smoke|build a shed]"
    " in {place}?",
    "[can|may] my [landlord|boss|neighbour|bank|employer] [sue me|fire me|throw me out|fine me]?",
    "what [is the law|does the law say|do judges say] [about|on] {topic}[| in {place}]?",
    # Books and films.
    "who [wrote|directed|starred in|published|filmed|authored] [|the book |the film ]{title}?",
    "[what is|what's|what might be] [{title}|the film {title}|the book {title}] [about|called in"
    " France]?",
    "how does [{title}|the film {title}|the book {title}] [end|begin|finish]?",
    "is [{title}|the film {title}|the book {title}] [good|worth reading|for children|on tonight]?",
    "[when|in which year|where] was {title} [published|filmed|released|written|printed]?",
    "who is the [villain|hero|main character|murderer|protagonist] [in|of] [|the book |the film"
    " ]{title}?",
    "[how many pages|how many chapters|what score] does [|the book |the film ]{title} have?",
    "how [long|good|old|popular|lengthy] is [{title}|the film {title}|the book {title}|the sequel"
    " to {title}]?",
    "[what is|what's] your opinion [of|on|about] [{title}|{person}|{topic}]?",
    "do you [agree with|believe in|recommend|approve of] [{title}|{person}|{topic}]?",
    # Other languages, hard sums, the reader's own affairs.
    "[translate|please translate|can you translate] [{title}|{sentence}] [into|to]"
    " [Finnish|Turkish|Hungarian|Arabic|Korean|Hindi|Latin|Swahili|Icelandic]",
    "how do you [say|write|pronounce|spell] {thing} in [Finnish|Turkish|Hungarian|Arabic|Latin]?",
    "[what is|what's|calculate|~work out] the [square root|logarithm|cosine|sine|factorial]"
    " of {year}",
    "[solve|integrate|differentiate] [this equation|the function x squared|x squared plus x]",
    "[what|how much] did I [eat|do|spend|buy|consume] [yesterday|last week|in {year}]?",
    "where [did I put|is|are|did I leave] my [keys|glasses|wallet|passport|spectacles]?",
    "what will [happen|the world look like|be invented] in [the future|100 years|{year}]?",
    "[what is|what's|explain|interpret] the meaning of [life|dreams|{title}|the universe]?",
    "[why|how|when] did {topic} [fail|change|spread|become popular][| in {place}]?",
    "how [did|does|would] {person} [describe|explain|feel about|think about] {topic}?",
)
