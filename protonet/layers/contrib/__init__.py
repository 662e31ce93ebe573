"""Layer types of Caffe's forks, one file each."""
