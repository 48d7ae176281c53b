from network_kernels import kernel_name, rows

from space.references import bireal18
from targets.kernel_specs import kernel_specs


def test_every_kernel_of_the_network_has_its_own_name() -> None:
    specs = {spec for block in bireal18(3, 224, 1000).blocks for spec in kernel_specs(block)}
    assert len({kernel_name(spec.block) for spec in specs}) == len(specs)


def test_shares_are_of_the_sum_and_of_the_limit() -> None:
    blocks = {node.name: node.block for node in bireal18(3, 224, 1000)}
    (conv,), (pool,) = kernel_specs(blocks["s0l0.conv"]), kernel_specs(blocks["s1l0.pool"])
    # 64 * 64 * 9 * 56 * 56 = 115 605 504 binary MACs in 100 us each, at a limit of 50 us.
    found = rows({pool: 1, conv: 2}, {pool: 50.0, conv: 100.0}, 50 / 115_605_504, 500.0)
    assert [row["all, us"] for row in found] == [200.0, 50.0, 250.0, 500.0]
    assert [row.get("of the kernels", "") for row in found] == ["80 %", "20 %", "", "200 %"]
    assert [row.get("of the limit", "") for row in found] == ["50 %", "", "", "20 %"]
