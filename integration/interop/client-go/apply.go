package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func deployment(namespace string, replicas int32) *appsv1.DeploymentApplyConfiguration {
	labels := map[string]string{"app": "applied"}
	container := corev1.Container().WithName("main").WithImage("image:1")
	return appsv1.Deployment("applied", namespace).WithSpec(appsv1.DeploymentSpec().
		WithReplicas(replicas).
		WithSelector(applymetav1.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(corev1.PodTemplateSpec().
			WithLabels(labels).
			WithSpec(corev1.PodSpec().WithContainers(container))))
}

// apply lets two managers apply a Deployment with the typed client: a conflict, force, and what each of them owns then.
func apply(ctx context.Context, config *rest.Config, namespace string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	deployments := client.AppsV1().Deployments(namespace)
	one := metav1.ApplyOptions{FieldManager: "one"}
	applied, err := deployments.Apply(ctx, deployment(namespace, 1), one)
	if err != nil {
		return err
	}
	say(map[string]any{"applied": *applied.Spec.Replicas, "strategy": applied.Spec.Strategy.Type})

	other := appsv1.Deployment("applied", namespace).WithSpec(appsv1.DeploymentSpec().WithReplicas(2))
	_, err = deployments.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "other"})
	if !errors.IsConflict(err) {
		return fmt.Errorf("no conflict but %w", err)
	}
	say(map[string]any{"conflict": err.Error()})
	forced, err := deployments.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "other", Force: true})
	if err != nil {
		return err
	}
	say(map[string]any{"applied": *forced.Spec.Replicas})

	for _, manager := range []string{"one", "other"} {
		owned, err := appsv1.ExtractDeployment(forced, manager)
		if err != nil {
			return err
		}
		containers := 0
		if owned.Spec.Template != nil {
			containers = len(owned.Spec.Template.Spec.Containers)
		}
		say(map[string]any{"manager": manager, "ownsReplicas": owned.Spec.Replicas != nil, "containers": containers})
	}
	return nil
}
