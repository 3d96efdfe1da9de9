// Command kubectl-sidecar says with evidence whether a Kubernetes cluster is ready for native
// sidecar containers. kubectl runs it as: kubectl sidecar.
package main

import (
	"os"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}))
}
