package main

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// protobuf sends protobuf bodies, as the components of Kubernetes do, and accepts JSON answers too, as they do.
func protobuf(ctx context.Context, config *rest.Config, namespace string) error {
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	configMaps := client.CoreV1().ConfigMaps(namespace)
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "binary", Labels: map[string]string{"sent": "protobuf"}},
		Data:       map[string]string{"text": "naïve ☃"},
		BinaryData: map[string][]byte{"bytes": {0, 255, 10}},
	}
	created, err := configMaps.Create(ctx, configMap, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	created.Data["more"] = "text"
	updated, err := configMaps.Update(ctx, created, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	say(map[string]any{"data": updated.Data, "bytes": updated.BinaryData["bytes"], "labels": updated.Labels})

	seconds := int32(15)
	now := metav1.NewMicroTime(metav1.Now().Time)
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "lease"},
		Spec:       coordinationv1.LeaseSpec{LeaseDurationSeconds: &seconds, RenewTime: &now},
	}
	renewed, err := client.CoordinationV1().Leases(namespace).Create(ctx, lease, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	say(map[string]any{
		"leaseDurationSeconds": *renewed.Spec.LeaseDurationSeconds,
		"sameTime":             renewed.Spec.RenewTime.UnixMicro() == now.UnixMicro(),
	})

	policy := metav1.DeletePropagationBackground
	if err := configMaps.Delete(ctx, "binary", metav1.DeleteOptions{
		PropagationPolicy: &policy,
		Preconditions:     &metav1.Preconditions{UID: &updated.UID},
	}); err != nil {
		return err
	}
	left, err := configMaps.List(ctx, metav1.ListOptions{LabelSelector: "sent=protobuf"})
	if err != nil {
		return err
	}
	say(map[string]any{"left": len(left.Items)})
	return nil
}
