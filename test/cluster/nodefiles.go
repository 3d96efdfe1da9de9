package cluster

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/node"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/rights"
)

// files are the configuration files of a node, by their name in its folder.
func (k *Kubelet) files(n Node) (map[string][]byte, error) {
	kubelet, err := yaml.Marshal(k.kubeletConfig(n))
	if err != nil {
		return nil, err
	}
	cni, err := k.cniConfig()
	if err != nil {
		return nil, err
	}
	plugins, err := rights.CNIPlugins()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"kubelet.yaml":      kubelet,
		"cni/pods.conflist": cni,
		"containerd.toml":   fmt.Appendf(nil, containerdConfig, node.Socket, toolImage, plugins, filepath.Join(k.Dir, "cni")),
		"resolv.conf":       []byte("nameserver " + k.cluster.Host() + "\n"),
	}, nil
}

// kubeletConfig is what lets kubelets of all versions run side by side on one
// machine and its kind of cgroups.
func (k *Kubelet) kubeletConfig(n Node) map[string]any {
	config := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"address":    k.Address,
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": k.cluster.pki("ca.crt")},
		},
		"authorization":                 map[string]any{"mode": "Webhook"},
		"cgroupDriver":                  "cgroupfs",
		"cgroupsPerQOS":                 false,
		"enforceNodeAllocatable":        []string{},
		"localStorageCapacityIsolation": false,
		"failSwapOn":                    false,
		"containerRuntimeEndpoint":      "unix://" + node.Socket,
		"volumePluginDir":               filepath.Join(k.Dir, "plugins"),
		"staticPodPath":                 k.StaticPods(),
		"fileCheckFrequency":            "1s",
		"resolvConf":                    filepath.Join(k.Dir, "resolv.conf"),
		"clusterDNS":                    []string{"10.96.0.10"},
		"clusterDomain":                 "cluster.local",
		"makeIPTablesUtilChains":        false,
		// A full disk of this machine is no reason to evict test pods.
		"imageGCHighThresholdPercent": 100,
		"evictionHard": map[string]string{
			"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
		},
	}
	if minorOf(n.Version) >= 31 {
		config["failCgroupV1"] = false
	}
	if len(n.FeatureGates) > 0 {
		config["featureGates"] = n.FeatureGates
	}
	return config
}

const containerdConfig = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.internal.v1.restart", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  # Where CAP_SYS_RESOURCE is missing, nothing can be put below containerd's
  # own score, which the kubelet would like to do.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native" # overlays on overlays fail, and images are tiny
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`

func (k *Kubelet) cniConfig() ([]byte, error) {
	return json.Marshal(map[string]any{
		"cniVersion": "0.4.0",
		"name":       "pods",
		"plugins": []map[string]any{{
			"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
			"ipam": map[string]any{
				"type": "host-local", "dataDir": "/run/cni",
				"ranges": [][]map[string]string{{{"subnet": k.cluster.network.podSubnet(k.index)}}},
				"routes": []map[string]string{{"dst": "0.0.0.0/0"}},
			},
		}},
	})
}
