package cli

import (
	"crypto/x509"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
)

// kubeletFlags is how kubelets are reached.
type kubeletFlags struct {
	way      choice
	ca       string
	insecure bool
}

func (k *kubeletFlags) add(cmd *cobra.Command) {
	k.way = choice{valid: []string{string(collect.KubeletsByProxy), string(collect.KubeletsDirect), string(collect.KubeletsAuto)}, value: string(collect.KubeletsByProxy)}
	addChoice(cmd, &k.way, "kubelets", "", "How to read kubelets: through the API server (proxy, needs nodes/proxy), at their own addresses (direct, needs nodes/metrics), or as you are allowed to (auto)")
	cmd.Flags().StringVar(&k.ca, "kubelet-ca", "", "`file` with the CAs that signed the certificates of kubelets (PEM), for --kubelets direct; default: the cluster's")
	cmd.Flags().BoolVar(&k.insecure, "insecure-kubelets", false, "With --kubelets direct: send your credentials to kubelets without verifying who they are")
}

// check refuses what would have no effect, or another than it seems.
func (k *kubeletFlags) check(kube *genericclioptions.ConfigFlags) error {
	direct := k.way.value == string(collect.KubeletsDirect) || k.way.value == string(collect.KubeletsAuto)
	switch {
	case k.ca != "" && k.insecure:
		return usage("leave one out", "--kubelet-ca and --insecure-kubelets exclude each other")
	case !direct && k.ca != "":
		return usage("for example --kubelets direct", "--kubelet-ca is about kubelets that are read directly")
	case !direct && k.insecure:
		return usage("for example --kubelets direct", "--insecure-kubelets is about kubelets that are read directly")
	case k.way.value == string(collect.KubeletsDirect) && *kube.Impersonate != "":
		return usage("leave one out", "--kubelets direct: a kubelet knows no --as, it would answer you as who you are")
	}
	return nil
}

// authorities is the content of --kubelet-ca.
func (k *kubeletFlags) authorities() ([]byte, error) {
	if k.ca == "" {
		return nil, nil
	}
	text, err := os.ReadFile(k.ca)
	if err != nil {
		return nil, couldNotRun("", fmt.Errorf("--kubelet-ca: %w", err))
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return nil, couldNotRun("give a file in PEM format", fmt.Errorf("--kubelet-ca: %s holds no certificate", k.ca))
	}
	return text, nil
}
