from dl4ia.analysis.comparisons import ablations
from dl4ia.analysis.families import compared_pairs, pairs_table


def table(read, params, names):
    results = [read[name] for name in names]
    return pairs_table({"warwick": compared_pairs(results, params, ablations(results, params))})


def test_variants_that_differ_in_one_setting_are_tested_on_each_test_set(read, copy):
    comparisons = table(read, copy[0], ["glands-start", "glands-wide", "glands-combined", "glands-patient"])
    assert set(comparisons["part"]) == {"test_a", "test_b"}
    pairs = set(zip(comparisons["variant"], comparisons["rival"], strict=True))
    assert pairs == {
        ("glands-wide", "glands-start"), ("glands-combined", "glands-wide"), ("glands-patient", "glands-combined")
    }  # fmt: skip
    assert set(comparisons.loc[comparisons["variant"] == "glands-wide", "verdict"]) == {"better"}


def test_a_comparison_across_training_images_says_so(read, copy):
    comparisons = table(read, copy[0], ["glands-start", "glands-wide", "glands-combined", "glands-patient"])
    same = comparisons.set_index("variant")["same_training_images"]
    assert same["glands-wide"].all()
    assert not same["glands-patient"].any()


def test_rows_are_tested_against_those_that_they_name(read, copy):
    params = copy[0]
    ensemble = params.ensembles["glands-ensemble"].model_copy(update={"compared_with": ("glands-wide", "glands-later")})
    params = params.model_copy(update={"ensembles": {"glands-ensemble": ensemble}})
    comparisons = table(read, params, ["glands-wide", "glands-ensemble"])
    assert comparisons[["variant", "rival"]].drop_duplicates().to_numpy().tolist() == [
        ["glands-ensemble", "glands-wide"]
    ]
