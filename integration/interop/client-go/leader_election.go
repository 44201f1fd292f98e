package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaderElection lets one lead, another wait for the same Lease, and lead when the first gives it up.
func leaderElection(ctx context.Context, config *rest.Config, namespace string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	first, stopFirst := context.WithCancel(ctx)
	defer stopFirst()
	if err := lead(first, client, namespace, "first"); err != nil {
		return err
	}
	second := make(chan error, 1)
	observed := make(chan string, 10)
	go func() { second <- leadAfter(ctx, client, namespace, "second", observed) }()
	// The second knows of the first before that one ends.
	if leader := <-observed; leader != "first" {
		return fmt.Errorf("%s leads beside the first", leader)
	}
	stopFirst()
	if err := <-second; err != nil {
		return err
	}
	lease, err := client.CoordinationV1().Leases(namespace).Get(ctx, "leader", metav1.GetOptions{})
	if err != nil {
		return err
	}
	say(map[string]any{"holder": *lease.Spec.HolderIdentity, "transitions": *lease.Spec.LeaseTransitions})
	return nil
}

func lead(ctx context.Context, client kubernetes.Interface, namespace, identity string) error {
	return leadAfter(ctx, client, namespace, identity, make(chan string, 10))
}

// leadAfter returns when the identity leads, and goes on leading until the context ends. Whoever leads is sent to observed.
func leadAfter(
	ctx context.Context, client kubernetes.Interface, namespace, identity string, observed chan<- string,
) error {
	started := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: "leader"},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
		// Longer than anything here takes: the Lease is given up, it never runs out.
		LeaseDuration:   2 * patience,
		RenewDeadline:   patience,
		RetryPeriod:     200 * time.Millisecond,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) {
				say(map[string]any{"leading": identity})
				close(started)
			},
			OnStoppedLeading: func() { say(map[string]any{"stopped": identity}) },
			OnNewLeader: func(leader string) {
				if leader != "" {
					observed <- leader
				}
			},
		},
	})
	if err != nil {
		return err
	}
	go elector.Run(ctx)
	select {
	case <-started:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s never led", identity)
	}
}
