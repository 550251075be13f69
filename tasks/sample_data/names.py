"""The small word lists of the made-up shop; every name, street and domain is invented or reserved.

Belongs here: vocabulary. Does not belong here: how often a word occurs, or its misspellings.
"""

FIRST_NAMES = (
    "Ada", "Bruno", "Chiara", "Dario", "Elif", "Farid", "Greta", "Hana", "Ines", "Jonas",
    "Kofi", "Lena", "Mateo", "Nadia", "Otis", "Priya", "Quinn", "Rosa", "Sven", "Tamar",
    "Uma", "Viktor", "Wanda", "Xenia", "Yusuf", "Zoe", "Anouk", "Björn", "Célia", "O'Neil",
)  # fmt: skip
LAST_NAMES = (
    "Almeida", "Bakker", "Castellan", "Dunmore", "Eklund", "Ferrow", "Garrick", "Holloway",
    "Ibarra", "Jansson", "Kestrel", "Lindqvist", "Marlowe", "Nakata", "Okafor", "Pellegrin",
    "Quist", "Ravenel", "Sandoval", "Thackeray", "Underhill", "Vasquez", "Whitlock", "Yarrow",
    "Zeller", "van Dyke", "St. Clair",
)  # fmt: skip
MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")

STREETS = (
    "Alder Way", "Beacon Street", "Copper Lane", "Dockside Road", "Elm Court", "Foundry Row",
    "Granary Lane", "Harbor Avenue", "Ivy Terrace", "Juniper Drive", "Kiln Street", "Larch Road",
    "Mill Pond Road", "Orchard Street", "Quarry Hill", "Station Road",
)  # fmt: skip
CITIES = (
    "Ashgrove", "Bluewater", "Cedar Point", "Dunhaven", "Eastbrook", "Fairmeadow", "Glenmoor",
    "Highfield", "Ironbridge", "Kingsport", "Lakemont", "Millbrook", "New Carrow", "Oakhurst",
    "Port Ellery", "Redstone", "Silver Bay", "Westmere",
)  # fmt: skip
STATES = (
    "AL", "AK", "AZ", "CA", "CO", "FL", "GA", "IL", "IN", "MA", "MI", "MN", "NC", "NJ", "NM",
    "NY", "OH", "OR", "PA", "TN", "TX", "UT", "VA", "WA", "WI",
)  # fmt: skip
FOREIGN_PLACES = (
    "Rue des Tanneurs 14, 1000 Brussels, Belgium",
    "Lindenallee 9, 50668 Köln",
    "27 Wharf Road, Bristol BS1 4QA",
    "48 rue Sainte-Anne, Montréal QC H2Y 1K9",
)

# Category -> its product names; every category has as many.
PRODUCT_NAMES: dict[str, tuple[str, ...]] = {
    "Garden": ("Watering Can", "Seed Tray", "Pruning Shears", "Rain Barrel", "Herb Planter",
               "Bird Feeder", "Garden Kneeler", "Plant Stakes"),
    "Kitchen": ("Cast Pan", "Salt Mill", "Bread Tin", "Tea Kettle", "Chopping Board",
                "Storage Jar", "Ladle Set", "Milk Frother"),
    "Outdoor": ("Camp Stove", "Dry Bag", "Trail Lantern", "Trekking Pole", "Sleeping Mat",
                "Water Filter", "Rain Poncho", "Rope 20 m"),
    "Stationery": ("Dot Notebook", "Fountain Pen", "Desk Pad", "Paper Tray", "Ink Bottle",
                   "Letter Opener", "Wax Seal Kit", "Wall Planner"),
    "Workshop": ("Bench Vice", "Claw Hammer", "Hex Key Set", "Spirit Level", "Wood Clamp",
                 "Tape Measure", "Tool Roll", "Sanding Block"),
}  # fmt: skip

ORDER_CHANNELS = ("Web", "Mobile App", "Phone", "Marketplace", "Social Media")
SIGNUP_CHANNELS = ("Website", "Mobile App", "Newsletter", "Phone")
TIERS = ("Bronze", "Silver", "Gold", "Platinum")
PAYMENT_METHODS = ("Credit Card", "PayPal", "Bank Transfer", "Gift Card")
SHIPPING_SPEEDS = ("Standard", "Two-Day", "Overnight")
CLV_BUCKETS = ("High", "Medium", "Low")
CART_STATUSES = ("converted", "abandoned", "emptied", "active")
CUSTOMER_STATUSES = ("Active", "Inactive", "Suspended")
GENDERS = ("Female", "Male", "Nonbinary", "Unknown")
RETURN_REASONS = (
    "Wrong size", "Damaged in transit", "Not as pictured", "Changed mind", "Arrived too late",
)  # fmt: skip
RETURN_TYPES = ("Refund", "Exchange", "Store Credit")
AGENTS = ("ONLINE", *(f"AGENT-{number:02d}" for number in range(1, 13)))

# Text that stands for "no value" once trimmed and case-folded; None is a real NULL.
NULL_TOKENS = (None, "", "  ", "None", "NULL", "n/a", " N/A ", "NaN", "\t")
BAD_EMAILS = (
    "no-at-sign.example.com", "two@@example.com", "with space@example.com", "someone@example",
    "@example.com", "someone@.com", "someone@example.", "a@b@example.com",
)  # fmt: skip
BAD_TIMESTAMPS = (
    "31/12/2023", "2024-13-40", "2024-02-30 10:00:00", "yesterday", "2024-01-05T25:00:00",
    "1704067200", "2024-01-05 10:00:00 CET", "20240105",
)  # fmt: skip
