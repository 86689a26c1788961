"""Stage two: SCViT, its plain ViT baseline and the symmetric contrastive loss."""
