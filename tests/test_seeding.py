from outthink.seeding import derive, uniform


def test_a_place_has_one_seed_for_ever() -> None:
    # A stored run is resumed by later versions: these numbers must not change.
    assert [derive(0), derive(0, 0), derive(0, 1), derive(1, 0), derive(7, 3, 5)] == [
        1303077097,
        1050281877,
        157389531,
        349535614,
        518684176,
    ]


def test_seeds_fit_every_engine_and_do_not_collide_nearby() -> None:
    seeds = [derive(seed, place) for seed in range(100) for place in range(100)]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert len(set(seeds)) >= len(seeds) - 2


def test_uniform_is_uniform_enough() -> None:
    values = [uniform(3, place) for place in range(4000)]
    assert abs(sum(values) / len(values) - 0.5) < 0.02
    assert all(0 <= value < 1 for value in values)
