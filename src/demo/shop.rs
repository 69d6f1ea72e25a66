//! What Nordlicht Outdoor sells, and the tags its people put on customers, each with the reason it is given.

use super::people::Person;

pub struct Product {
    pub name: &'static str,
    /// In cents.
    pub price: i64,
    /// How often it is bought, next to the others.
    pub weight: u32,
}

const fn product(name: &'static str, price: i64, weight: u32) -> Product {
    Product { name, price, weight }
}

pub static PRODUCTS: &[Product] = &[
    product("Winter Hat", 2990, 90),
    product("Merino Base Layer", 7900, 80),
    product("Trail Socks", 1690, 120),
    product("Kaiserjoch Boots", 28900, 42),
    product("Lofoten Boots", 21900, 48),
    product("Trail Runner", 14900, 60),
    product("Storm Jacket", 32900, 34),
    product("Down Jacket", 27900, 38),
    product("Rain Trousers", 11900, 44),
    product("Daypack 24 l", 8900, 56),
    product("Trekking Pack 65 l", 23900, 24),
    product("Two-Person Tent", 45900, 12),
    product("Bivouac Tarp", 9900, 16),
    product("Sleeping Bag −5 °C", 24900, 18),
    product("Sleeping Mat", 11900, 26),
    product("Titanium Stove", 6900, 30),
    product("Enamel Mug", 1490, 70),
    product("Head Torch", 4990, 54),
    product("Trekking Poles", 9900, 30),
    product("Via Ferrata Set", 13900, 10),
    product("Snowshoes", 18900, 12),
    product("Map and Compass", 3990, 28),
    product("Boot Wax", 990, 60),
    product("Gift Card", 5000, 36),
];

/// Who put a tag there.
#[derive(Clone, Copy, PartialEq)]
pub enum Road {
    /// Somebody at the desk, one customer at a time.
    Agent,
    /// A marketer, many at once.
    Bulk,
    /// The web shop, through the API.
    Shop,
}

pub struct Label {
    pub name: &'static str,
    pub colour: &'static str,
    pub description: &'static str,
    pub road: Road,
    /// How likely a customer is to carry it.
    pub chance: fn(&Person) -> f64,
}

const fn label(
    name: &'static str,
    colour: &'static str,
    road: Road,
    description: &'static str,
    chance: fn(&Person) -> f64,
) -> Label {
    Label { name, colour, road, description, chance }
}

fn when(yes: bool, chance: f64) -> f64 {
    if yes { chance } else { 0.0 }
}

#[rustfmt::skip]
pub static LABELS: &[Label] = &[
    label("VIP", "amber", Road::Agent, "Spends a lot or stays for years. Answer first, ship free.", |p| if p.spent() > 90_000 { 0.8 } else { 0.006 }),
    label("VIP-old", "gray", Road::Agent, "Was VIP before the rules of 2024.", |p| when(p.years > 2.0, 0.03)),
    label("Wholesale", "indigo", Road::Agent, "Buys for a shop, on account.", |p| if p.shop { 1.0 } else { 0.002 }),
    label("Newsletter", "blue", Road::Shop, "Ticked the box at checkout.", |p| if p.mailable { 0.82 } else { 0.1 }),
    label("Trail-club", "green", Road::Agent, "Member of the Trail club; carries the card.", |p| 0.03 + when(p.bought("Trail"), 0.28)),
    label("First-order", "blue", Road::Shop, "Has ordered exactly once.", |p| when(p.purchases.len() == 1, 0.95)),
    label("Returns-often", "red", Road::Shop, "Sends back more than every third parcel.", |p| when(p.purchases.len() > 4, 0.09)),
    label("Boot-fitter", "teal", Road::Agent, "Had boots fitted by us; the last is on file.", |p| when(p.bought("Boots"), 0.3)),
    label("Do-not-contact", "red", Road::Agent, "Asked to be left in peace. No messages at all.", |p| when(!p.mailable, 0.05)),
    label("Staff", "gray", Road::Agent, "Works here; orders at staff price.", |_| 0.005),
    label("Ambassador", "pink", Road::Agent, "Takes our gear to places and shows it.", |p| 0.001 + when(p.purchases.len() > 6, 0.06)),
    label("Reviewer", "pink", Road::Shop, "Has written a review.", |p| when(p.purchases.len() > 1, 0.11)),
    label("Gift-card", "purple", Road::Shop, "Has bought or redeemed a gift card.", |p| when(p.bought("Gift"), 0.9)),
    label("Follow-up-call", "orange", Road::Agent, "Wants to be called back.", |_| 0.008),
    label("Repair", "teal", Road::Agent, "Something of theirs is or was in our workshop.", |p| when(p.purchases.len() > 2, 0.07)),
    label("Workshop", "teal", Road::Bulk, "Came to a repair evening.", |p| when(p.city_is("Berlin") || p.city_is("Wien"), 0.06)),
    label("Hut-tour-2025", "green", Road::Bulk, "Walked with us in 2025.", |p| 0.004 + when(p.years > 1.0, 0.02)),
    label("Hut-tour-2026", "green", Road::Bulk, "Signed up for this year's hut tour.", |p| 0.01 + when(p.bought("Pack"), 0.06)),
    label("Vinschgau-tour", "green", Road::Bulk, "Spring tour through the Vinschgau.", |p| when(p.in_("IT") || p.in_("AT"), 0.05)),
    label("Lofoten-tour", "green", Road::Bulk, "Winter tour on the Lofoten.", |p| when(p.in_("NO") || p.in_("SE"), 0.06)),
    label("Vienna-store", "purple", Road::Agent, "Known at the store in Vienna.", |p| when(p.city_is("Wien"), 0.6)),
    label("Hamburg-store", "purple", Road::Agent, "Known at the store in Hamburg.", |p| when(p.city_is("Hamburg"), 0.6)),
    label("Oslo-store", "purple", Road::Agent, "Known at the store in Oslo.", |p| when(p.city_is("Oslo"), 0.55)),
    label("Winter", "blue", Road::Shop, "Bought from the winter range.", |p| when(p.bought("Winter") || p.bought("Snow") || p.bought("Down"), 0.85)),
    label("Camping", "green", Road::Shop, "Bought a tent, a mat or a stove.", |p| when(p.bought("Tent") || p.bought("Mat") || p.bought("Stove") || p.bought("Sleeping"), 0.85)),
    label("Hiking", "green", Road::Shop, "Bought boots, poles or a pack.", |p| when(p.bought("Boots") || p.bought("Poles") || p.bought("pack"), 0.8)),
    label("Climbing", "orange", Road::Shop, "Bought from the climbing range.", |p| when(p.bought("Ferrata"), 0.9)),
    label("Trail-running", "orange", Road::Shop, "Bought running shoes.", |p| when(p.bought("Runner"), 0.85)),
    label("Abandoned-basket", "orange", Road::Shop, "Left a full basket in the last weeks.", |p| when(p.seen_days < 30, 0.16)),
    label("Coupon-hunter", "orange", Road::Shop, "Orders only with a coupon.", |p| when(p.purchases.len() > 1, 0.08)),
    label("Full-price", "amber", Road::Shop, "Never used a coupon.", |p| when(p.purchases.len() > 2, 0.22)),
    label("Family", "pink", Road::Agent, "Buys for children too.", |p| when(!p.shop, 0.05)),
    label("Student", "blue", Road::Shop, "Has shown a student card.", |p| when(!p.shop, 0.06)),
    label("Mountain-rescue", "red", Road::Agent, "Volunteer in mountain rescue; 20 % on everything.", |p| when(p.in_("AT") || p.in_("CH") || p.in_("DE"), 0.012)),
    label("Alpine-club", "green", Road::Bulk, "Member of an alpine club; the number is on file.", |p| when(p.in_("AT") || p.in_("CH") || p.in_("DE"), 0.13)),
    label("DNT-member", "green", Road::Bulk, "Member of the Norwegian Trekking Association.", |p| when(p.in_("NO"), 0.24)),
    label("Press", "gray", Road::Agent, "Writes about gear.", |_| 0.003),
    label("Supplier", "gray", Road::Agent, "Also sells to us.", |p| when(p.shop, 0.05)),
    label("Invoice", "indigo", Road::Agent, "May pay by invoice.", |p| if p.shop { 0.9 } else { 0.01 }),
    label("Net-30", "indigo", Road::Agent, "Thirty days to pay.", |p| when(p.shop, 0.4)),
    label("Price-list-B", "indigo", Road::Bulk, "Wholesale price list B.", |p| when(p.shop, 0.55)),
    label("Late-payer", "red", Road::Agent, "Had to be reminded twice.", |p| when(p.shop, 0.12)),
    label("Address-check", "orange", Road::Shop, "A parcel came back. Ask for the address.", |_| 0.014),
    label("Duplicate?", "orange", Road::Agent, "May be here twice.", |_| 0.006),
    label("vip-customer", "orange", Road::Agent, "An old spelling of VIP that should be merged.", |p| when(p.spent() > 90_000, 0.03)),
    label("Beta", "purple", Road::Agent, "Tries the new web shop.", |_| 0.02),
    label("App", "purple", Road::Shop, "Uses the app.", |p| when(p.seen_days < 200, 0.21)),
    label("Survey-2025", "gray", Road::Bulk, "Answered the survey of 2025.", |p| when(p.years > 1.0, 0.08)),
    label("Survey-2026", "gray", Road::Bulk, "Answered the survey of 2026.", |_| 0.07),
    label("Catalogue", "blue", Road::Bulk, "Gets the printed catalogue.", |p| when(p.in_("DE") || p.in_("AT"), 0.19)),
    label("Sweden-launch", "blue", Road::Bulk, "Came with the opening in Sweden.", |p| when(p.in_("SE"), 0.3)),
    label("Black-week", "red", Road::Bulk, "Ordered in the black week.", |p| when(p.purchases.len() > 1, 0.13)),
    label("Spring-sale", "red", Road::Bulk, "Ordered in the spring sale.", |p| when(!p.purchases.is_empty(), 0.1)),
    label("Size-exchange", "teal", Road::Shop, "Has exchanged a size.", |p| when(p.purchases.len() > 1, 0.09)),
    label("Gift-wrap", "pink", Road::Shop, "Had something wrapped.", |p| when(!p.purchases.is_empty(), 0.05)),
    label("Click-and-collect", "purple", Road::Shop, "Fetches orders at a store.", |p| when(p.city_is("Hamburg") || p.city_is("Oslo") || p.city_is("Wien"), 0.4)),
    label("English-please", "gray", Road::Agent, "Write in English.", |p| when(!p.in_("GB"), 0.02)),
    label("Vegan", "teal", Road::Agent, "No leather, no down.", |_| 0.012),
    label("Wide-feet", "teal", Road::Agent, "Needs the wide last.", |p| when(p.bought("Boots"), 0.12)),
    label("Left-handed", "teal", Road::Agent, "Wants the zip on the other side.", |_| 0.002),
];

#[cfg(test)]
mod tests {
    use super::LABELS;
    use crate::fold::key;

    #[test]
    fn there_are_sixty_tags_and_no_two_share_a_name() {
        let mut names: Vec<_> = LABELS.iter().map(|label| key(label.name)).collect();
        names.sort();
        names.dedup();
        assert_eq!((LABELS.len(), names.len()), (60, 60));
    }
}
