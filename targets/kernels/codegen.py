"""From TVM functions to machine code: plain C functions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tvm
from tvm import tirx
from tvm.ir import PointerType, PrimType, Var
from tvm.target import codegen
from tvm.tirx import transform
from tvm.tirx.buffer import is_buffer_var
from tvm.tirx.stmt import AttrStmt, DeclBuffer, Return, SeqStmt

from targets.errors import TargetError
from targets.kernel_specs import KernelSpec
from targets.target import Target
from targets.tiling import tiled
from targets.vector_unit import Tile

from .prim_func import prim_func

_C_CALL = 1  # a function that is called by its symbol, with its parameters as they are
_CPU = 1


def write_object(
    tiles: Mapping[KernelSpec, Tile | None],
    target: Target,
    path: Path,
    *,
    prefix: str,
) -> None:
    """Write an object file of all kernels, each with its tile, in the order of their symbols.

    They are `int32_t symbol(void*, ..., int32_t part, int32_t parts)`.
    prefix: in front of every symbol.
    Raises TargetError where LLVM does not know the target's processor or a feature.
    """
    llvm = _llvm_target(target)
    functions = {
        prefix + spec.symbol: prim_func(
            spec, tiled(target.vector_unit, spec, tiles[spec]), symbol=prefix + spec.symbol
        )
        for spec in sorted(tiles, key=lambda spec: spec.symbol)
    }
    module = transform.BindTarget(llvm.with_host(llvm))(tvm.IRModule(functions))
    module = tvm.transform.Sequential([*_passes(), _POINTER_PARAMETERS, *_final_passes()])(module)
    tvm.get_global_func("target.build.llvm")(module, llvm).write_to_file(str(path))


def _llvm_target(target: Target) -> Any:
    """TVM's target. LLVM would ignore what it does not know, so that is refused here."""
    words = {"kind": "llvm", "mtriple": target.llvm_triple, "mcpu": target.llvm_cpu}
    if target.llvm_float_abi is not None:
        words["mfloat-abi"] = target.llvm_float_abi
    known = tvm.target.Target({"kind": "llvm", "mtriple": target.llvm_triple})
    if target.llvm_cpu not in codegen.llvm_get_cpu_archlist(known):
        raise TargetError(
            f"target {target.name}: LLVM knows no processor {target.llvm_cpu!r} for "
            f"{target.llvm_triple}; name one of its -mcpu values"
        )
    for feature in target.llvm_features:
        asked = tvm.target.Target({**words, "mattr": [feature]})
        if feature[1:] not in codegen.llvm_get_cpu_features(asked):
            raise TargetError(
                f"target {target.name}: LLVM knows no feature {feature!r} for "
                f"{target.llvm_triple}; name one of its -mattr values"
            )
    return tvm.target.Target({**words, "mattr": list(target.llvm_features)})


def _passes() -> list[Any]:
    """TVM's passes for a CPU, as far as these kernels have anything for them to do."""
    return [
        transform.FlattenBuffer(),
        transform.NarrowDataType(32),
        transform.StmtSimplify(),
        transform.StorageRewrite(),
        transform.RemoveNoOp(),
        transform.VerifyMemory(),
        transform.AnnotateEntryFunc(),
    ]


def _final_passes() -> list[Any]:
    return [transform.LowerTVMBuiltin(), transform.LowerIntrin()]


def _pointer_parameters(module: Any, context: Any) -> Any:
    """Replace each buffer parameter by a pointer to its data: a function that C can call."""
    del context
    functions = {name: _plain_function(function) for name, function in module.functions.items()}
    return tvm.IRModule(functions, attrs=module.attrs)


def _plain_function(function: Any) -> Any:
    parameters, declarations = [], []
    for parameter in function.params:
        if not is_buffer_var(parameter):
            parameters.append(parameter)
            continue
        pointer = Var(f"{parameter.name}_data", PointerType(parameter.ty.dtype, "global"))
        parameters.append(pointer)
        declarations.append(DeclBuffer(parameter, data=pointer))
    body = AttrStmt("default", "device_type", tirx.IntImm("int32", _CPU), function.body)
    body = AttrStmt("default", "device_id", tirx.IntImm("int32", 0), body)
    body = SeqStmt([*declarations, body, Return(tirx.IntImm("int32", 0))])
    plain = tirx.PrimFunc(parameters, body, PrimType("int32"), function.attrs)
    return plain.with_attr("calling_conv", _C_CALL)


_POINTER_PARAMETERS = tvm.transform.module_pass(
    _pointer_parameters, opt_level=0, name="PointerParameters"
)
