from barsctl.machine import cpu_name, named_in


def test_x86_name_is_the_model_name() -> None:
    assert named_in("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: avx\n") == "AMD EPYC"


def test_x86_generations_of_one_name_are_told_apart() -> None:
    text = "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nstepping\t: 1\n"
    assert named_in(text) == "AMD EPYC (family 25, model 17)"


def test_arm_board_name_beats_part_numbers() -> None:
    text = "CPU part\t: 0xd08\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
    assert named_in(text) == "Raspberry Pi 4 Model B Rev 1.4"


def test_arm_numbers_stand_in_for_a_name() -> None:
    text = "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd03\nCPU revision\t: 4\n"
    assert named_in(text) == "CPU implementer 0x41, CPU part 0xd03, CPU revision 4"


def test_this_machine_has_a_name() -> None:
    assert cpu_name()


def test_processor_that_says_nothing_has_no_name() -> None:
    assert named_in("") == ""
