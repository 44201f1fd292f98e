// Program client-go does what controllers do with an API server, and tells on standard output, a JSON object a line, what it saw.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Generous: the machine may have other things to do.
const patience = 2 * time.Minute

var programs = map[string]func(ctx context.Context, config *rest.Config, namespace string) error{
	"informers":       informers,
	"leader-election": leaderElection,
	"apply":           apply,
	"protobuf":        protobuf,
}

func main() {
	if len(os.Args) != 3 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: client-go informers|leader-election|apply|protobuf NAMESPACE, with KUBECONFIG")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(program, namespace string) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.Wrap(noteRequests)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return programs[program](ctx, config, namespace)
}
