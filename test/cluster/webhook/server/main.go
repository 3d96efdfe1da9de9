// Command server is the webhooks of package webhook as a program for a pod.
//
//	server ADDRESS CERTIFICATE KEY
package main

import (
	"log"
	"os"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/webhook"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatalf("usage: %s ADDRESS CERTIFICATE KEY", os.Args[0])
	}
	server := webhook.Server(&webhook.Handler{})
	server.Addr = os.Args[1]
	log.Fatal(server.ListenAndServeTLS(os.Args[2], os.Args[3]))
}
