"""The pack's own socket types."""

from comfy_api.latest import io

ControllerType = io.Custom("P2P_CONTROLLER")
AttentionType = io.Custom("P2P_ATTENTION")
RecordType = io.Custom("P2P_RECORD")


def controller_output(tooltip: str) -> ControllerType.Output:
    return ControllerType.Output(display_name="controller", tooltip=tooltip)
