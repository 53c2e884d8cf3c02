import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .support import Importing

FLAGS = '--labels background liver tumour --spacing 1.5 1.6 2 --window 16 12 8 --clip -200 300 --centre 50 --scale 125 --orientation LPS'.split()


def network(path, shape=(1, 1, 8, 12, 16), channels=3, kind=TensorProto.FLOAT):
    weights = np.arange(channels, dtype=np.float32).reshape(channels, 1, 1, 1, 1)
    graph = helper.make_graph(
        [helper.make_node('Conv', ['image', 'w'], ['scores'])],
        'test',
        [helper.make_tensor_value_info('image', kind, shape)],
        [helper.make_tensor_value_info('scores', TensorProto.FLOAT, [1, channels, *shape[2:]])],
        [numpy_helper.from_array(weights, 'w')],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 16)], ir_version=8), str(path))
    return path


class OnnxFileTest(Importing):
    importer = 'onnx_file'

    def test_carries_the_flags_over(self):
        path = network(self.root / 'n.onnx')
        stage = self.manifest(path, *FLAGS, '--mirror', 'x', '--overlap', '0.25')['cascade']['segment']
        self.assertEqual((stage['input'], stage['output'], stage['overlap']), ('image', 'scores', 0.25))
        self.assertEqual(stage['windowVoxels'], [16, 12, 8])
        self.assertEqual(stage['intensity'], {'kind': 'window', 'lowHu': -200, 'highHu': 300, 'centreHu': 50, 'scaleHu': 125})
        self.assertEqual(stage['wholeScan']['mirrorAxes'], ['x'])
        self.assertEqual((self.out / 'network.onnx').read_bytes(), path.read_bytes())

    def test_turns_axes_round(self):
        stage = self.manifest(network(self.root / 'n.onnx', (1, 1, 16, 12, 8)), *FLAGS, '--axes', 'xyz')['cascade']['segment']
        turned = onnx.load(str(self.out / 'network.onnx'))
        onnx.checker.check_model(turned, full_check=True)
        self.assertEqual([d.dim_value for d in turned.graph.input[0].type.tensor_type.shape.dim], [1, 1, 8, 12, 16])
        self.assertEqual((stage['input'], stage['output']), ('hepar_x', 'hepar_y'))

    def test_refuses_networks_that_do_not_fit(self):
        path = self.root / 'n.onnx'
        self.refused('n.onnx is missing', path, *FLAGS)
        network(path, (1, 2, 8, 12, 16))
        self.refused(r'the input image is \[1, 2, 8, 12, 16\]', path, *FLAGS)
        network(path, channels=4)
        self.refused(r'the output scores is \[1, 4', path, *FLAGS)
        network(path, kind=TensorProto.DOUBLE)
        self.refused('not of float32|no sound ONNX', path, *FLAGS)
        whole = network(path).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        self.refused('cut off, or no ONNX|no sound ONNX', path, *FLAGS)
        path.write_bytes(b'')
        self.refused('no sound ONNX|no ONNX', path, *FLAGS)

    def test_refuses_weights_in_other_files(self):
        path = network(self.root / 'n.onnx')
        model = onnx.load(str(path))
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key='location', value='../../etc/passwd')
        path.write_bytes(model.SerializeToString())
        self.refused('keeps weights in other files', path, *FLAGS)

    def test_refuses_flags_that_say_too_little(self):
        path = network(self.root / 'n.onnx')

        def without(*names):
            kept, skip = [], False
            for flag in FLAGS:
                skip = flag in names if flag.startswith('--') else skip
                kept += [] if skip else [flag]
            return kept

        self.refused('say how HU become numbers', path, *without('--scale'))
        self.refused('say how their voxels lie', path, *without('--orientation'))
        self.refused("--orientation 'XYZ'", path, *without('--orientation'), '--orientation', 'XYZ')
        self.refused('three even numbers', path, *without('--window'), '--window', '15', '12', '8')
        self.refused("the label 'blob' has no DICOM code", path, *without('--labels'), '--labels', 'background', 'liver', 'blob')
        self.refused('small letters', path, *FLAGS, '--id', 'Our Liver')
