from guardhouse.residency.regions import UNLABELLED, Regions

REGIONS = Regions({"frankfurt": "EU", "dublin": "EU", "virginia": "US", "lab": ""})


def test_a_word_means_a_region_or_all_of_a_jurisdiction() -> None:
    assert REGIONS.meaning("dublin") == {"dublin"}
    assert REGIONS.meaning("EU") == {"frankfurt", "dublin"}
    assert REGIONS.meant_by(["US", "lab"]) == {"virginia", "lab"}


def test_no_word_means_what_has_no_label() -> None:
    for word in (*REGIONS.words, "", "atlantis"):
        assert UNLABELLED not in REGIONS.meaning(word)
    assert REGIONS.meaning("") == frozenset()


def test_what_a_rule_may_name_is_every_region_and_jurisdiction() -> None:
    assert REGIONS.words == {"frankfurt", "dublin", "virginia", "lab", "EU", "US"}


def test_a_region_is_described_with_its_jurisdiction() -> None:
    assert REGIONS.describe("virginia") == "region virginia, jurisdiction US"
    assert REGIONS.describe("lab") == "region lab"
    assert REGIONS.describe("") == "no region"
