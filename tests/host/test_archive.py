"""The archive that the registry publishes, unpacked by itself, is a whole pack."""

import json
import os
import subprocess
import sys
from pathlib import Path

from p2p.tests.archive import ROOT, archived_files

NODES = json.loads((Path(__file__).parent / "node_schema.json").read_text(encoding="utf-8"))
LOAD = """
import asyncio, importlib, importlib.util, json, pkgutil, sys
folder, comfyui = sys.argv[1:3]
sys.path.insert(0, comfyui)
sys.argv = ["main.py", "--cpu"]
import comfy.options
comfy.options.enable_args_parsing()
where = {"submodule_search_locations": [folder]}
spec = importlib.util.spec_from_file_location("archived", folder + "/__init__.py", **where)
pack = importlib.util.module_from_spec(spec)
sys.modules["archived"] = pack
spec.loader.exec_module(pack)
modules = [found.name for found in pkgutil.walk_packages([folder], "archived.", onerror=print)]
for name in modules:
    importlib.import_module(name)
extension = asyncio.run(pack.comfy_entrypoint())
nodes = {node.define_schema().node_id: node for node in asyncio.run(extension.get_node_list())}
model, clip, vae = nodes["P2PMiniSDXL"].execute(precision="fp32").args
nodes["P2PMiniLora"].execute(model=model, strength=1.0)
nodes["P2PMiniControlNet"].execute(precision="fp32")
nodes["P2PTextEncode"].execute(clip=clip, text="a cat")
outside = [name for name, module in sys.modules.items() if name.startswith("archived")
           and getattr(module, "__file__", None) and not module.__file__.startswith(folder)]
print(json.dumps({"nodes": sorted(nodes), "modules": modules, "outside": outside}))
"""


def test_the_archive_loads_and_its_nodes_run(tmp_path):
    for name in archived_files():
        copy = tmp_path / "pack" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-c", LOAD, str(tmp_path / "pack"), os.environ["P2P_COMFYUI"]]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["nodes"] == sorted(NODES)
    assert told["outside"] == []
    assert {"archived.nodes._host.install", "archived.mini_sdxl.builder", "archived.p2p_core.edit"} <= set(
        told["modules"]
    )
