"""A net with its weights in the files of other frameworks: ONNX, torch.export, TorchScript."""
