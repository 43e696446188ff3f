"""The networks, a file each: a schema for params.yaml beside its builder, registered in NETWORKS."""

from dl4ia.models.cnn import Cnn
from dl4ia.models.conv_deconv import ConvDeconv
from dl4ia.models.convnet import ConvNet
from dl4ia.models.mlp import Mlp
from dl4ia.models.network import NETWORKS, NetworkConfig, Signature
from dl4ia.models.unet import UNet

__all__ = ["NETWORKS", "Cnn", "ConvDeconv", "ConvNet", "Mlp", "NetworkConfig", "Signature", "UNet"]
