//! Where Nordlicht Outdoor's customers live and what they are called there.

/// Given and family names that go together, and the words a shop is called by.
pub struct Culture {
    pub given: &'static str,
    pub family: &'static str,
    /// A wholesale customer is one of these and a family name or a city.
    pub shop: &'static str,
}

pub struct Country {
    /// ISO 3166 alpha-2.
    pub code: &'static str,
    /// Of a thousand customers.
    pub share: u32,
    /// ISO 639-1, most common first.
    pub language: &'static str,
    /// Comma-separated, largest first.
    pub cities: &'static str,
    /// E.164 with `#` for any digit, in blocks that stories may use or that are hardly given out.
    pub phone: &'static str,
    /// Comma-separated; `example` belongs to nobody, so that no demo ever writes to a person.
    pub mail: &'static str,
    pub culture: &'static Culture,
}

static GERMAN: Culture = Culture {
    given: "Anna Katharina Lena Sabine Mia Emma Julia Laura Sophie Johanna Greta Frieda Charlotte Nina Claudia Petra \
            Heike Ulrike Birgit Franziska Marlene Theresa Lukas Jonas Felix Maximilian Paul Leon Jan Stefan Thomas \
            Andreas Michael Jürgen Matthias Tobias Sebastian Florian Moritz Emil Anton Konrad Björn Uwe Dieter Holger",
    family: "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein \
             Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Krause Lehmann Köhler Maier \
             Brandt Haas Winkler Vogel Seidel Ziegler Kuhn Pfeiffer Jansen Sauer Arnold Busch Gruber Huber Steiner Moser \
             Leitner Egger Wallner Baumann Keller Meier Frei Zürcher Brunner Gerber Graf",
    shop: "Bergsport,Alpin Laden,Wanderwelt,Sporthaus,Outdoorladen,Hüttenshop",
};
static SWEDISH: Culture = Culture {
    given: "Alva Elsa Astrid Ebba Maja Wilma Saga Linnea Ingrid Karin Annika Malin Johanna Åsa Birgitta Frida Lars \
            Johan Erik Nils Oskar Axel Viktor Emil Anders Magnus Henrik Gustav Björn Mattias Per Sven",
    family: "Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Gustafsson Lindqvist Lindberg \
             Bergström Lundgren Sandberg Öberg Sjöberg Holm Nyström Åkesson Hedlund Wallin Forsberg Ek",
    shop: "Friluftsboden,Fjällsport,Vildmarken,Uteliv",
};
static NORWEGIAN: Culture = Culture {
    given: "Nora Emma Ingrid Sofie Ida Astrid Solveig Hanne Kari Marit Silje Tone Øyvind Lars Magnus Håkon Sindre Eirik \
            Kristian Ole Bjørn Tor Jonas Henrik Sigrid Åse Knut Geir",
    family: "Hansen Johansen Olsen Larsen Andersen Pedersen Nilsen Berg Haugen Hagen Dahl Solheim Bakken Lie Strand \
             Nygård Moen Sørensen Fjeld Tveit Aas Brekke Lund Ødegård",
    shop: "Fjellsport,Turbua,Villmark,Friluft",
};
static DANISH: Culture = Culture {
    given: "Freja Ida Clara Alma Sofie Mette Kirsten Anne Louise Camilla Rikke Emil William Oscar Mads Rasmus Søren \
            Jens Peter Morten Jakob Kasper Bjarne Anders Karen Bodil",
    family: "Nielsen Jensen Hansen Pedersen Andersen Christensen Larsen Sørensen Rasmussen Jørgensen Madsen Kristensen \
             Olsen Thomsen Møller Poulsen Knudsen Holm Østergaard Kjær",
    shop: "Friluftsland,Vandrebutikken,Naturgrej",
};
static FINNISH: Culture = Culture {
    given: "Aino Eevi Emilia Helmi Sofia Anni Kaisa Päivi Tuula Hanna Eino Väinö Onni Mikko Juha Antti Timo Jari Ville \
            Sami Pekka Riikka",
    family: "Korhonen Virtanen Mäkinen Nieminen Mäkelä Hämäläinen Laine Heikkinen Koskinen Järvinen Lehtonen Saarinen \
             Salminen Heinonen Niemi Kinnunen Rantanen Savolainen",
    shop: "Eräliike,Retkitukku,Tunturikauppa",
};
static DUTCH: Culture = Culture {
    given: "Emma Julia Sanne Lotte Fleur Anouk Eva Marieke Femke Roos Daan Sem Lucas Bram Thijs Jeroen Pieter Sander \
            Willem Joost Maarten Ruben Koen Hendrik",
    family: "Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Dijkstra Kok Kuipers Veenstra \
             Postma Brouwer Scholten Prins Hoekstra",
    shop: "Buitensport,Trektocht,De Wandelwinkel",
};
static FRENCH: Culture = Culture {
    given: "Léa Chloé Manon Camille Inès Élodie Aurélie Sylvie Nathalie Claire Hélène Lucas Hugo Louis Théo Antoine \
            Julien Pierre Nicolas François Mathieu Étienne Gaël Maxime",
    family: "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia \
             Roux Fournier Girard Bonnet Lambert Rousseau Chevalier Gauthier",
    shop: "Au Vieux Refuge,Montagne et Cie,Le Sentier",
};
static ENGLISH: Culture = Culture {
    given: "Olivia Amelia Isla Ava Grace Freya Emily Charlotte Hannah Rebecca Fiona Niamh George Oliver Harry Jack \
            Thomas James William Callum Owen Rhys Ewan Graham Alistair Priya Aisha Ravi",
    family: "Smith Jones Taylor Brown Williams Wilson Davies Evans Walker Wright Thompson Green Hall Wood Clarke Harris \
             Patel Khan MacDonald Campbell Stewart Murphy Kelly O'Brien Ashworth Whitaker Hartley Llewellyn",
    shop: "Fell & Trail,The Bothy,Moorland Supplies,Peak Outfitters",
};
static POLISH: Culture = Culture {
    given: "Zuzanna Julia Maja Hanna Zofia Alicja Katarzyna Agnieszka Małgorzata Antoni Jakub Jan Szymon Piotr \
            Krzysztof Tomasz Paweł Michał Łukasz Wojciech",
    family: "Nowak Wójcik Kowalczyk Woźniak Mazur Krawczyk Kaczmarek Zając Wróbel Dudek Stępień Pawlak Górski Sikora \
             Walczak Baran Szewczyk Pietrzak",
    shop: "Górska Chata,Szlak,Taternik",
};
static ITALIAN: Culture = Culture {
    given: "Giulia Sofia Aurora Martina Chiara Francesca Elisa Paola Leonardo Francesco Alessandro Lorenzo Matteo Luca \
            Marco Andrea Davide Stefano Niccolò",
    family: "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De Luca Costa \
             Giordano Mancini Moretti Kofler Pichler Thaler",
    shop: "Rifugio Sport,Vetta,Alpe Shop",
};

#[rustfmt::skip]
pub static COUNTRIES: &[Country] = &[
    Country { code: "DE", share: 372, language: "de", culture: &GERMAN, phone: "+49151000#####", mail: "posthof.example,briefbote.example,nordmail.example,wolkenpost.example",
        cities: "Berlin,Hamburg,München,Köln,Frankfurt am Main,Stuttgart,Leipzig,Dresden,Hannover,Nürnberg,Bremen,Freiburg,Kiel,Garmisch-Partenkirchen,Ulm,Lüneburg,Göttingen,Kempten" },
    Country { code: "AT", share: 104, language: "de", culture: &GERMAN, phone: "+43664000####", mail: "almpost.example,posthof.example",
        cities: "Wien,Graz,Innsbruck,Salzburg,Linz,Klagenfurt,Bregenz,Villach,Dornbirn" },
    Country { code: "CH", share: 82, language: "de,fr", culture: &GERMAN, phone: "+4179000####", mail: "gipfelpost.example,posthof.example",
        cities: "Zürich,Bern,Basel,Luzern,Winterthur,St. Gallen,Chur,Thun,Lausanne" },
    Country { code: "SE", share: 96, language: "sv", culture: &SWEDISH, phone: "+4670000####", mail: "fjallbrev.example,nordmail.example",
        cities: "Stockholm,Göteborg,Malmö,Uppsala,Västerås,Örebro,Umeå,Östersund,Kiruna" },
    Country { code: "NO", share: 88, language: "no", culture: &NORWEGIAN, phone: "+474000####", mail: "fjordpost.example,nordmail.example",
        cities: "Oslo,Bergen,Trondheim,Stavanger,Tromsø,Bodø,Ålesund,Lillehammer" },
    Country { code: "DK", share: 62, language: "da", culture: &DANISH, phone: "+452000####", mail: "brevdue.example,nordmail.example",
        cities: "København,Aarhus,Odense,Aalborg,Esbjerg,Roskilde" },
    Country { code: "NL", share: 54, language: "nl", culture: &DUTCH, phone: "+316000#####", mail: "postduif.example,wolkenpost.example",
        cities: "Amsterdam,Rotterdam,Utrecht,Den Haag,Groningen,Eindhoven,Nijmegen" },
    Country { code: "GB", share: 46, language: "en", culture: &ENGLISH, phone: "+447700900###", mail: "letterbox.example,fellmail.example",
        cities: "London,Manchester,Edinburgh,Glasgow,Bristol,Sheffield,Keswick,Cardiff,Leeds" },
    Country { code: "FR", share: 34, language: "fr", culture: &FRENCH, phone: "+336000#####", mail: "colombe.example,wolkenpost.example",
        cities: "Paris,Lyon,Grenoble,Annecy,Chamonix-Mont-Blanc,Strasbourg,Toulouse,Nantes" },
    Country { code: "FI", share: 30, language: "fi,sv", culture: &FINNISH, phone: "+35840000####", mail: "tunturiposti.example,nordmail.example",
        cities: "Helsinki,Tampere,Turku,Oulu,Rovaniemi,Jyväskylä" },
    Country { code: "PL", share: 18, language: "pl", culture: &POLISH, phone: "+4850000####", mail: "golab.example",
        cities: "Warszawa,Kraków,Wrocław,Gdańsk,Poznań,Zakopane" },
    Country { code: "IT", share: 14, language: "it,de", culture: &ITALIAN, phone: "+3934000#####", mail: "piccione.example",
        cities: "Milano,Torino,Bolzano,Trento,Roma,Merano" },
];
