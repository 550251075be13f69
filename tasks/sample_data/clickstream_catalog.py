"""What the visitors of the made-up shop look at: categories, brands, products, prices of a day.

Belongs here: the catalog and its vocabulary; all names are invented. Does not belong here: who
looks at a product, and when.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tasks.sample_data.clickstream_plan import ClickstreamPlan, Stream
from tasks.sample_data.plan import Floats, Ints

# Department -> what comes after its first dot; "" is the department itself.
_TREE = {
    "garden": " tools.spade tools.rake tools.shears tools.cutting.hedge beds.soil beds.seed"
    " beds.bulb water.hose water.can shade furniture.bench",
    "kitchen": " pans.cast pans.steel knives.chef knives.bread small.kettle small.mixer"
    " small.mixer.whisk small.toaster storage.jar storage.tin table",
    "sound": " headphones.wired headphones.wireless speakers.shelf speakers.floor"
    " speakers.portable.outdoor turntable amplifier cables microphones.studio radio records",
    "screens": " phones phones.cases phones.chargers.wireless tablets monitors.office"
    " monitors.curved readers televisions projectors mounts watches",
    "bikes": " city road cargo electric parts.brakes parts.gears parts.gears.cassette lights"
    " locks helmets.adult helmets.child",
    "clothes": " coats.rain coats.winter shirts.linen shirts.work trousers socks.wool.hiking"
    " hats scarves shoes.trail shoes.felt belts",
    "workshop": " saws.hand saws.table saws.blades.fine drills.cordless drills.bits clamps"
    " glue vices levels measuring.tape workwear",
    "nursery": " prams cots.travel cots.mattress toys.wooden toys.wooden.trains toys.plush"
    " bottles carriers seats.car monitors lamps",
    "office": " desks.standing desks.corner chairs.mesh chairs.stools paper.dotted paper.plain"
    " ink.fountain.bottle ink.cartridge shelves lamps.desk calendars",
    "camping": " tents.family tents.light stoves.gas stoves.wood stoves.gas.canisters mats bags"
    " filters.water lanterns hammocks coolboxes",
}
CATEGORY_CODES = tuple(
    f"{department}.{rest}" if rest else department
    for department, all_rest in _TREE.items()
    for rest in all_rest.split(" ")
)
_UNNAMED_CATEGORIES = 50  # they have an id, but no code
_HEADS = (
    "alder", "borel", "cinder", "dorva", "ember", "felden", "garno", "hestia", "ilmen", "jorvik",
    "kelda", "lumo",
)  # fmt: skip
_TAILS = ("", "works", "line", "craft", "tech", "home", "son", "ette", "ium", "haus&co", "-b")
BRANDS = tuple(f"{head}{tail}" for head in _HEADS for tail in _TAILS)

_NO_BRAND = 0.14
_FIRST_CATEGORY_ID = 2_053_010_000_000_000_000
_ID_STEP, _ID_PRIME = 48_271, 59_999_999  # a product of the two visits every number once
_FIRST_PRODUCT_ID = 1_000_000
_MIN_CENTS, _MAX_CENTS = 49, 950_000
_DRIFT = 0.04


@dataclass(frozen=True)
class Catalog:
    """The products as arrays, the most popular first; a category without a code has a high number.

    `price` is the usual one in cents; that of a day swings slowly around it. A `brand` is a place
    in `BRANDS`, or -1.
    """

    product_id: Ints
    category: Ints
    brand: Ints
    price: Floats
    period: Floats
    phase: Floats

    def cents_on(self, day: int) -> Ints:
        """The prices of one day, in cents."""
        swing = np.sin(2 * np.pi * (day / self.period + self.phase))
        cents: Ints = np.round(self.price * (1 + _DRIFT * swing)).astype(np.int64)
        return cents

    def fields(self) -> list[str]:
        """`product_id,category_id,category_code,brand,` of every product."""
        ids = [
            f"{_FIRST_CATEGORY_ID + number * 104_729_000_003},{code}"
            for number, code in enumerate((*CATEGORY_CODES, *[""] * _UNNAMED_CATEGORIES))
        ]
        brands = (*BRANDS, "")  # the last is that of -1
        return [
            f"{product},{ids[category]},{brands[brand]},"
            for product, category, brand in zip(
                self.product_id.tolist(), self.category.tolist(), self.brand.tolist(), strict=True
            )
        ]


@lru_cache(maxsize=2)
def catalog_of(plan: ClickstreamPlan) -> Catalog:
    """The catalog of a plan."""
    random = plan.random(Stream.CATALOG)
    count = plan.products
    categories = len(CATEGORY_CODES) + _UNNAMED_CATEGORIES
    level = random.normal(4.7, 0.8, categories)  # log of a category's usual price
    ranked = random.permutation(categories)
    category = ranked[zipf_like(random, count, categories, 0.6)]
    price = np.exp(level[category] + random.normal(0.0, 0.5, count)) * 100
    brand = random.permutation(len(BRANDS))[zipf_like(random, count, len(BRANDS), 0.7)]
    return Catalog(
        product_id=scattered(np.arange(count), _FIRST_PRODUCT_ID, _ID_PRIME),
        category=category,
        brand=np.where(random.random(count) < _NO_BRAND, -1, brand),
        price=price.clip(_MIN_CENTS, _MAX_CENTS),
        period=random.uniform(40, 200, count),
        phase=random.random(count),
    )


def zipf_like(random: np.random.Generator, count: int, ranks: int, skew: float) -> Ints:
    """`count` places in 0 … ranks - 1, place r about as often as (r + 5) ** -skew (skew < 1)."""
    head = 5.0
    power = 1.0 - skew
    low, high = head**power, (ranks + head) ** power
    drawn = (low + random.random(count) * (high - low)) ** (1.0 / power) - head
    places: Ints = drawn.astype(np.int64).clip(0, ranks - 1)
    return places


def scattered(places: Ints, first: int, prime: int) -> Ints:
    """A number for each place, all different, neighbours far apart."""
    numbers: Ints = first + (places + 1) * _ID_STEP % prime
    return numbers
