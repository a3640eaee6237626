from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.errors import MediaError
from giblet.media.clock import SampleClock

RATE = 8000
FRAME = 160  # 20 ms


def place(stamps, zero=Fraction(0), lengths=None):
    """Send frames through a clock; return it and the decoded sample heard at each film sample, -1 for silence."""
    clock = SampleClock(RATE, zero)
    lengths = lengths or [FRAME] * len(stamps)
    placed = []
    begin = 0
    for stamp, length in zip(stamps, lengths, strict=True):
        placed += clock.place(range(begin, begin + length), length, stamp)
        begin += length
    placed += clock.finish()
    heard = []
    for piece in placed:
        heard += [-1] * piece.silence + list(piece.frame[piece.skip :])
    assert [sample for piece in placed for sample in piece.frame] == list(range(begin))
    assert clock.written == len(heard)
    return clock, heard


def regular(n_frames, start=Fraction(0)):
    return [start + Fraction(number * FRAME, RATE) for number in range(n_frames)]


def milliseconds(number):
    return Fraction(number, 1000)


def test_sound_that_starts_with_the_picture_is_left_alone():
    clock, heard = place(regular(50, Fraction(3)), zero=Fraction(3))
    assert heard == list(range(50 * FRAME))
    assert clock.start == 0
    assert clock.gaps == []


def test_later_sound_is_preceded_by_silence_and_earlier_sound_is_cut():
    _, later = place(regular(20, Fraction(1, 2)))
    assert later == [-1] * 4000 + list(range(20 * FRAME))
    clock, earlier = place(regular(20, Fraction(-1, 10)))
    assert earlier == list(range(800, 20 * FRAME))
    assert clock.start == Fraction(-1, 10)


def test_without_picture_the_first_sample_is_zero():
    clock, heard = place(regular(20, Fraction(7)), zero=None)
    assert heard == list(range(20 * FRAME))
    assert clock.zero == 7


def test_without_stamps_samples_are_counted():
    _, heard = place([None] * 20)
    assert heard == list(range(20 * FRAME))


def test_zero_of_sound_is_known_from_the_first_stamp_there_is():
    clock, heard = place([None, *regular(20, Fraction(7) + milliseconds(20))], zero=None)
    assert clock.zero == 7
    assert heard == list(range(21 * FRAME))


@given(st.lists(st.integers(-19, 19), min_size=1, max_size=60), st.integers(-300, 300))
def test_jitter_changes_nothing(jitter, start):
    stamps = [stamp + milliseconds(late) for stamp, late in zip(regular(len(jitter)), jitter, strict=True)]
    clock, heard = place([stamp + milliseconds(start) for stamp in stamps])
    assert clock.gaps == []
    begin = (start + jitter[0]) * RATE // 1000
    assert heard == [-1] * max(0, begin) + list(range(max(0, -begin), len(jitter) * FRAME))


@given(st.integers(0, 49), st.integers(-3000, 3000))
def test_a_single_wild_stamp_changes_nothing(where, wild):
    stamps = regular(50)
    stamps[where] += milliseconds(wild)
    clock, heard = place(stamps)
    assert heard == list(range(50 * FRAME)) or (where == 0 and abs(wild) <= 50)
    assert clock.gaps == []


@st.composite
def interrupted(draw):
    """Lengths of stretches of sound in frames, and the jumps in between in ms."""
    stretches = draw(st.lists(st.integers(20, 40), min_size=2, max_size=5))
    jumps = draw(
        st.lists(
            st.one_of(st.integers(120, 2000), st.integers(-300, -120)),
            min_size=len(stretches) - 1,
            max_size=len(stretches) - 1,
        )
    )
    return stretches, jumps


def stamped(stretches, jumps):
    """Return the stamps, and which decoded sample is to be heard at each film sample."""
    stamps, heard, shift, index = [], [], Fraction(0), 0
    for frames, jump in zip(stretches, [0, *jumps], strict=True):
        shift += milliseconds(jump)
        begin = index + int(shift * RATE)
        heard += [-1] * (begin - len(heard))
        heard += range(index + max(0, len(heard) - begin), index + frames * FRAME)
        stamps += [Fraction(index + number * FRAME, RATE) + shift for number in range(frames)]
        index += frames * FRAME
    return stamps, heard


@given(interrupted())
def test_lasting_jumps_put_every_sample_where_its_stamp_says(case):
    stamps, expected = stamped(*case)
    clock, heard = place(stamps)
    assert heard == expected
    assert [seconds for _, seconds in clock.gaps] == [milliseconds(jump) for jump in case[1]]


@given(interrupted(), st.randoms(use_true_random=False))
def test_lasting_jumps_are_corrected_to_within_the_jitter(case, random):
    stamps, expected = stamped(*case)
    clock, heard = place([stamp + milliseconds(random.randint(-19, 19)) for stamp in stamps])
    assert len(clock.gaps) == len(case[1])
    assert abs(len(heard) - len(expected)) <= 0.038 * RATE + 1


def test_correction_is_reported_where_the_deviation_begins():
    stamps, _ = stamped([30, 30], [400])
    clock, _ = place(stamps)
    assert clock.gaps == [(milliseconds(600), milliseconds(400))]


@pytest.mark.parametrize("late", [49, -49])
def test_deviations_up_to_50_ms_are_left_alone(late):
    stamps, _ = stamped([30, 30], [late])
    assert place(stamps)[1] == list(range(60 * FRAME))


@pytest.mark.parametrize("frames", [2, 5, 12])
def test_a_deviation_shorter_than_a_quarter_second_is_left_alone(frames):
    stamps, _ = stamped([30, frames, 30], [400, -400])
    assert place(stamps)[1] == list(range((60 + frames) * FRAME))


@pytest.mark.parametrize("frames", [2, 5])
def test_a_deviation_that_lasts_to_the_end_counts(frames):
    stamps, expected = stamped([30, frames], [400])
    assert place(stamps)[1] == expected


def test_a_drifting_clock_is_followed_in_small_steps():
    drift = Fraction(1, 100)
    clock, heard = place([stamp * (1 + drift) for stamp in regular(3000)])
    assert abs(len(heard) / RATE - 60.6) < 0.06
    assert all(abs(seconds) < milliseconds(60) for _, seconds in clock.gaps)


def test_stamps_that_contradict_each_other_are_not_followed():
    stamps = [stamp + (number % 3) * 2 for number, stamp in enumerate(regular(60))]
    stamps[:2] = regular(2)
    clock, heard = place(stamps)
    assert clock.gaps == []
    assert heard == list(range(60 * FRAME))


def test_a_gap_of_more_than_an_hour_is_refused_with_a_remedy():
    stamps, _ = stamped([30, 30], [3_600_100])
    with pytest.raises(MediaError, match=r"jump by 3600 s.*remux"):
        place(stamps)
    with pytest.raises(MediaError, match="remux"):
        place(regular(30, Fraction(95443)))


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.one_of(st.none(), st.fractions(-1000, 1000, max_denominator=90000))),
        max_size=40,
    ),
    st.one_of(st.none(), st.fractions(-10, 10, max_denominator=1000)),
)
def test_no_stamps_whatever_lose_or_reorder_a_frame(frames, zero):
    place([stamp for _, stamp in frames], zero, [length for length, _ in frames])


def test_little_sound_is_held_back():
    clock = SampleClock(RATE, Fraction(0))
    stamps, _ = stamped([30, 30], [400])
    waiting = most = 0
    for stamp in stamps:
        waiting += FRAME - sum(len(piece.frame) for piece in clock.place(range(FRAME), FRAME, stamp))
        most = max(most, waiting)
    assert most <= 0.25 * RATE
    assert waiting == 0
