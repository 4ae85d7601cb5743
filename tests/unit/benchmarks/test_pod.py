"""What ./run bench pod counts."""

from benchmarks.pod import Answer, count_out_of_order


def test_only_an_order_that_was_sent_after_an_answer_must_come_behind_it() -> None:
    first, beside, later = Answer("a", 0.0, 1.0, 1), Answer("b", 0.5, 1.5, 1), Answer("c", 2.0, 3.0, 1)
    assert count_out_of_order([first, beside, later], {"a": 1, "b": 2, "c": 3}) == 0
    assert count_out_of_order([first, beside, later], {"a": 2, "b": 1, "c": 3}) == 0, "both were under way"
    assert count_out_of_order([later, beside, first], {"a": 3, "b": 1, "c": 2}) == 1
    assert count_out_of_order([first, later], {"a": 1}) == 0, "one that is lost is counted elsewhere"
