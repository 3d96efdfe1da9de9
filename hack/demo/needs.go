package main

import (
	"path/filepath"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// needs is what a live demo is started with, and what has to be built for that.
type needs struct {
	targets                  []binaries.Target
	plugin, live             string
	apiServer, etcd, kubelet program
}

// needs completes what was found with what is built: one API server, etcd, and one kubelet, of the API server's
// version, since most of what they are made of is the same, and of the plugin's own version of client-go.
func (d *demo) needs(f found, newest string) (needs, error) {
	n := needs{
		plugin: filepath.Join(d.root, "bin", "kubectl-sidecar"), live: filepath.Join(d.root, "bin", "demo-live"),
		apiServer: f.apiServer, etcd: f.etcd, kubelet: f.kubelet,
	}
	if d.pages {
		n.kubelet = program{}
	}
	if err := n.kubernetes(f, newest, d.pages); err != nil {
		return n, err
	}
	n.targets = append(n.targets,
		binaries.Own(d.root, "./cmd/kubectl-sidecar", n.plugin, "-X "+versionVariable+"="+d.version),
		binaries.Own(d.root, "./hack/demo/live", n.live, ""))
	programs := [][2]string{{".", "./test/cluster/internal/keeper"}, {"test/webhooks/strip", "."}}
	if n.kubelet.file != "" {
		programs = append(programs, [2]string{".", "./test/cluster/webhook/server"}, [2]string{".", "./test/cluster/image/tool"})
	}
	for _, p := range programs {
		t, err := binaries.ProgramTarget(p[0], p[1])
		if err != nil {
			return n, err
		}
		n.targets = append(n.targets, t)
	}
	return n, nil
}

const versionVariable = "github.com/kubectl-sidecar/kubectl-sidecar/internal/cli.version"

// kubernetes adds what was not found. A kubelet beside an API server of another version would be a second Kubernetes
// to compile: then recorded pages answer for all nodes.
func (n *needs) kubernetes(f found, newest string, pages bool) error {
	if f.etcd.file == "" {
		t, err := binaries.EtcdTarget()
		if err != nil {
			return err
		}
		n.targets, n.etcd = append(n.targets, t), program{name: "etcd", file: t.Out}
	}
	version, err := binaries.GitVersion(newest)
	if err != nil {
		return err
	}
	built := func(name string) (program, error) {
		t, err := binaries.KubernetesTarget(newest, name)
		n.targets = append(n.targets, t)
		return program{name: name, file: t.Out, version: version}, err
	}
	if f.apiServer.file == "" {
		if n.apiServer, err = built("kube-apiserver"); err != nil {
			return err
		}
	}
	if f.kubelet.file == "" && !pages && n.apiServer.version == version {
		n.kubelet, err = built("kubelet")
	}
	return err
}

// arguments are those of hack/demo/live.
func (n needs) arguments() []string {
	args := []string{"-plugin", n.plugin, "-etcd", n.etcd.file, "-apiserver", n.apiServer.version + "=" + n.apiServer.file}
	if n.kubelet.file != "" {
		args = append(args, "-kubelet", n.kubelet.version+"="+n.kubelet.file)
	}
	return args
}
