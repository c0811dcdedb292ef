import numpy as np
import pytest

from unrolled.vocabulary import END, PADDING, SPECIAL, START, UNKNOWN, Vocabulary

SENTENCES = [
    ["to", "be", "or", "not", "to", "be"],
    ["not", "to", "worry"],
    ["Be", "that", "as", "it", "may"],
]


def test_most_frequent_first_and_ties_in_alphabetical_order():
    vocabulary = Vocabulary.build(SENTENCES)
    expected = ["to", "be", "not", "Be", "as", "it", "may", "or", "that", "worry"]
    assert vocabulary.tokens == (*SPECIAL, *expected)
    assert Vocabulary.build(reversed(SENTENCES)).tokens == vocabulary.tokens


def test_special_tokens_have_the_first_numbers():
    assert (PADDING, START, END, UNKNOWN) == (0, 1, 2, 3)
    vocabulary = Vocabulary.build(SENTENCES)
    assert vocabulary.decode(range(4)) == list(SPECIAL)
    assert len(set(SPECIAL)) == 4


def test_size_counts_the_special_tokens():
    vocabulary = Vocabulary.build(SENTENCES, size=7)
    assert len(vocabulary) == 7
    assert vocabulary.tokens[4:] == ("to", "be", "not")


def test_a_size_larger_than_there_are_takes_what_there_is():
    assert len(Vocabulary.build(SENTENCES, size=1000)) == 14


@pytest.mark.parametrize("size", [4, 0, -1])
def test_a_size_without_room_for_a_word(size):
    with pytest.raises(ValueError, match=f"size={size}: expected 5 or more"):
        Vocabulary.build(SENTENCES, size=size)


def test_encode_and_decode():
    vocabulary = Vocabulary.build(SENTENCES, size=7)
    ids = vocabulary.encode(["not", "to", "worry"])
    assert ids.dtype == np.int32
    assert ids.tolist() == [6, 4, UNKNOWN]
    assert vocabulary.decode(ids) == ["not", "to", "<unk>"]
    assert all(isinstance(word, str) for word in vocabulary.decode(ids))


def test_nothing_encodes_to_nothing():
    vocabulary = Vocabulary.build(SENTENCES)
    assert vocabulary.encode([]).shape == (0,)
    assert vocabulary.encode([]).dtype == np.int32
    assert vocabulary.decode([]) == []


def test_known_sentences_come_back():
    vocabulary = Vocabulary.build(SENTENCES)
    for sentence in SENTENCES:
        assert vocabulary.decode(vocabulary.encode(sentence)) == sentence


@pytest.mark.parametrize("number", [14, -1])
def test_a_number_that_no_token_has(number):
    with pytest.raises(IndexError):
        Vocabulary.build(SENTENCES).decode([number])


def test_characters():
    vocabulary = Vocabulary.build(["to be", "or\nnot"])
    assert vocabulary.tokens[4:] == ("o", "t", "\n", " ", "b", "e", "n", "r")
    assert "".join(vocabulary.decode(vocabulary.encode("not\nto be"))) == "not\nto be"
    assert vocabulary.encode("be!").tolist() == [8, 9, UNKNOWN]


def test_text_that_looks_like_special_tokens_is_only_text():
    written = [["</s>", "a", "<unk>"], ["</s>", "<pad>"]]
    vocabulary = Vocabulary.build(written)
    assert len(vocabulary) == 8
    for sentence in written:
        assert (vocabulary.encode(sentence) > UNKNOWN).all()
        assert vocabulary.decode(vocabulary.encode(sentence)) == sentence
    assert Vocabulary.build([["a"]]).encode(SPECIAL).tolist() == [UNKNOWN] * 4
    assert vocabulary.coverage([["<unk>"]]) == 1
    assert Vocabulary.build([["a"]]).coverage([["<unk>"]]) == 0


def test_saved_tokens_make_the_same_vocabulary():
    built = Vocabulary.build([*SENTENCES, ["<s>", "<unk>"]])
    restored = Vocabulary(list(built.tokens))
    assert restored.tokens == built.tokens
    for sentence in (*SENTENCES, ["<s>", "?"]):
        assert np.array_equal(restored.encode(sentence), built.encode(sentence))


def test_tokens_that_are_no_vocabulary():
    with pytest.raises(ValueError, match="expected"):
        Vocabulary(["to", "be"])
    with pytest.raises(ValueError, match="'be' comes more than once"):
        Vocabulary([*SPECIAL, "to", "be", "be"])


def test_coverage_by_hand():
    vocabulary = Vocabulary.build(SENTENCES, size=7)  # to, be, not
    assert vocabulary.coverage(SENTENCES) == 7 / 14
    assert vocabulary.coverage([["to"]]) == 1
    with pytest.raises(ValueError, match="no words"):
        vocabulary.coverage([[], []])
