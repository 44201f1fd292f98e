{{/* The Deployment of a component. Arguments: root, name, args (of this component alone). */}}
{{- define "kruntimes.deployment" -}}
{{- $values := index .root.Values .name -}}
{{- $selector := include "kruntimes.selectorLabels" . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "kruntimes.fullname" .root }}-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "kruntimes.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
spec:
  replicas: {{ $values.replicas }}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  template:
    metadata:
      labels:
        {{- $selector | nindent 8 }}
        {{- with .root.Values.commonLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "kruntimes.fullname" .root }}-{{ .name }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      # Longer than a component takes to stop what it does and to hand its Lease back.
      terminationGracePeriodSeconds: 45
      {{- include "kruntimes.podSettings" (dict "root" .root "values" $values) | nindent 6 }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- range . }}
        - {{ toYaml (merge (deepCopy .) (dict "labelSelector" (dict "matchLabels" (fromYaml $selector)))) | nindent 10 | trim }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "kruntimes.image" (dict "root" .root "image" $values.image) }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args:
            - --leader-elect
            - --leader-elect-namespace={{ .root.Values.leaderElection.namespace }}
            - --installation={{ include "kruntimes.installation" .root }}
            {{- with .root.Values.watchNamespace }}
            - --namespace={{ . }}
            {{- end }}
            - --metrics-bind-address=:{{ $values.ports.metrics }}
            - --health-probe-bind-address=:{{ $values.ports.health }}
            - --log-level={{ $values.logLevel }}
            {{- range .args }}
            - {{ . | quote }}
            {{- end }}
          {{- with $values.env }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - name: metrics
              containerPort: {{ $values.ports.metrics }}
              protocol: TCP
            - name: health
              containerPort: {{ $values.ports.health }}
              protocol: TCP
          livenessProbe:
            httpGet:
              path: /healthz
              port: health
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet:
              path: /readyz
              port: health
            periodSeconds: 5
            timeoutSeconds: 5
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- toYaml .root.Values.securityContext | nindent 12 }}
{{- end -}}

{{/* What all Pods of the release have. Arguments: root, values (of the component whose nodes they use). */}}
{{- define "kruntimes.podSettings" -}}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
